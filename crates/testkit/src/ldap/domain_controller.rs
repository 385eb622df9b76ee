//! Samba's Active Directory domain controller. Its domain is made once for a checkout and copied.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Authority;
use super::process::{self, Process};

/// A running domain controller, on ports 389 and 636 of a loopback address of its own, so it takes
/// root to start one. Ends when it is dropped.
///
/// People below `OU=Partners`: `alice` (in `acme-staff`, which is in `acme`, which is in `sftp`),
/// `bob` (in `sftp`), `disabled`, `expired`, `hours`, `mustchange`, `oldpassword`, and `locked`, who is
/// locked after three wrong passwords like everybody. Keys stand in `altSecurityIdentities`.
#[derive(Debug)]
pub struct DomainController {
    _process: Process,
    address: Ipv4Addr,
    folder: tempfile::TempDir,
}

const SCRIPT: &str = include_str!("domain.py");

impl DomainController {
    /// Below which people and groups stand.
    pub const BASE: &str = "OU=Partners,DC=ad,DC=example,DC=test";
    /// The account that may search.
    pub const SERVICE: (&str, &str) = ("pierhead@ad.example.test", Self::PASSWORD);
    /// Everybody's password.
    pub const PASSWORD: &str = "Partner-Passw0rd";
    const ADMIN: (&str, &str) = ("administrator@ad.example.test", "Adm1n-Passw0rd");

    /// Starts one. The first of a checkout takes ten seconds or more. Blocks.
    ///
    /// # Errors
    /// Where Samba is not installed, this is not root, or the server does not start.
    pub fn start() -> io::Result<Self> {
        let address = free_address()?;
        let made = made()?;
        let folder = tempfile::tempdir()?;
        let at = folder.path();
        let copied = Command::new("cp")
            .args(["-a", "--sparse=always"])
            .arg(made.join("."))
            .arg(at)
            .status()?;
        if !copied.success() {
            return Err(io::Error::other("the domain could not be copied"));
        }
        Authority::new(&at.join("tls"))?.certify(&[&address.to_string()])?;
        let config = at.join("smb.conf");
        std::fs::write(&config, configuration(at, address))?;
        let mut command = Command::new("/usr/sbin/samba");
        command
            .args(["-i", "-M", "single", "--debug-stdout", "-d", "1", "-s"])
            .arg(&config);
        let ldaps = SocketAddr::from((address, 636));
        let process = Process::start(&mut command, &at.join("output"), ldaps)?;
        Ok(Self {
            _process: process,
            address,
            folder,
        })
    }

    /// Where it speaks LDAP, and takes StartTLS.
    pub fn ldap(&self) -> SocketAddr {
        SocketAddr::from((self.address, 389))
    }

    /// Where it speaks LDAP over TLS.
    pub fn ldaps(&self) -> SocketAddr {
        SocketAddr::from((self.address, 636))
    }

    /// The certificate of its authority.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("tls/ca.pem")
    }

    /// The name of somebody's entry, or of a group's.
    pub fn dn(name: &str) -> String {
        format!("CN={name},{}", Self::BASE)
    }

    /// Applies an LDIF of changes.
    ///
    /// # Errors
    /// Where the directory refuses.
    pub fn modify(&self, ldif: &str) -> io::Result<()> {
        let mut command = Command::new("ldapmodify");
        command.env("LDAPTLS_CACERT", self.ca_file());
        let url = format!("ldaps://{}", self.ldaps());
        let (account, password) = Self::ADMIN;
        command.args(["-x", "-H", &url, "-D", account, "-w", password]);
        process::run(&mut command, ldif).map(drop)
    }

    /// Gives somebody this public key and no other.
    ///
    /// # Errors
    /// Where the directory refuses.
    pub fn set_key(&self, name: &str, key: &str) -> io::Result<()> {
        let dn = Self::dn(name);
        self.modify(&format!(
            "dn: {dn}\nchangetype: modify\nreplace: altSecurityIdentities\naltSecurityIdentities: {key}\n"
        ))
    }

    /// Gives somebody this password.
    ///
    /// # Errors
    /// Where the directory refuses: it asks for three kinds of characters.
    pub fn set_password(&self, name: &str, password: &str) -> io::Result<()> {
        // It is written in quotes and in UTF-16.
        let quoted = format!("\"{password}\"");
        let bytes: Vec<u8> = quoted.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let (dn, password) = (Self::dn(name), STANDARD.encode(bytes));
        self.modify(&format!(
            "dn: {dn}\nchangetype: modify\nreplace: unicodePwd\nunicodePwd:: {password}\n"
        ))
    }
}

/// A loopback address on which nobody listens to LDAP.
fn free_address() -> io::Result<Ipv4Addr> {
    let mut last = None;
    for _ in 0..20 {
        let [a, b, c, ..] = *uuid::Uuid::new_v4().as_bytes();
        // 127.64.0.0/10 is nobody's, and neither its first nor its last address is taken.
        let address = Ipv4Addr::new(127, 64 | (a & 0x3f), b, c.clamp(1, 254));
        match TcpListener::bind((address, 389)) {
            Ok(_) => return Ok(address),
            Err(error) => last = Some(error),
        }
    }
    let error = last.unwrap_or_else(|| io::Error::other("none was tried"));
    Err(io::Error::other(format!(
        "Samba listens on port 389 of a loopback address, which takes root: {error}"
    )))
}

/// The folder of the domain. Whoever comes first makes it, under a lock; another script makes
/// another one.
fn made() -> io::Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    SCRIPT.hash(&mut hasher);
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools");
    let folder = tools.join(format!("domain-{:016x}", hasher.finish()));
    std::fs::create_dir_all(&tools)?;
    let lock = std::fs::File::create(tools.join("domain.lock"))?;
    lock.lock()?;
    if !folder.exists() {
        let unfinished = tools.join("domain-unfinished");
        if unfinished.exists() {
            std::fs::remove_dir_all(&unfinished)?;
        }
        // Debian's own Python: the one with Samba's modules.
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-c", SCRIPT]).arg(&unfinished);
        process::run(&mut command, "")?;
        std::fs::rename(unfinished, &folder)?;
    }
    Ok(folder)
}

fn configuration(folder: &Path, address: Ipv4Addr) -> String {
    let at = folder.display();
    format!(
        "[global]\n\
         bind interfaces only = yes\n\
         interfaces = {address}/8\n\
         lock directory = {at}\n\
         cache directory = {at}/cache\n\
         state directory = {at}/state\n\
         private dir = {at}/private\n\
         binddns dir = {at}/bind-dns\n\
         ncalrpc dir = {at}/ncalrpc\n\
         pid directory = {at}\n\
         tls cafile = {at}/tls/ca.pem\n\
         tls certfile = {at}/tls/server.pem\n\
         tls keyfile = {at}/tls/server.key\n\
         netbios name = DC1\n\
         realm = AD.EXAMPLE.TEST\n\
         workgroup = AD\n\
         server role = active directory domain controller\n\
         server services = ldap\n\
         dcerpc endpoint servers =\n\
         disable netbios = yes\n\
         load printers = no\n"
    )
}
