//! An OpenLDAP with people, nested groups, and a password policy.

use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Authority;
use super::process::{self, Process, free_port};

/// A running server. Ends when it is dropped.
///
/// People below `ou=people`: `alice` (in `acme-staff`, which is in `acme`, which is in `sftp`), `bob`
/// (in `sftp`), `carol` (in no group), `ended`, `mustchange`, `oldpassword`, and `locked`, who is
/// locked after three wrong passwords like everybody. `twin` stands below `ou=others` as well.
#[derive(Debug)]
pub struct Slapd {
    _process: Process,
    ldap: SocketAddr,
    ldaps: SocketAddr,
    folder: tempfile::TempDir,
}

/// People, and what their entries have besides the usual.
const PEOPLE: [(&str, &str, &str); 9] = [
    ("alice", "people", ""),
    ("bob", "people", ""),
    ("carol", "people", ""),
    ("locked", "people", ""),
    ("ended", "people", "pwdEndTime: 20200101000000Z\n"),
    ("mustchange", "people", "pwdReset: TRUE\n"),
    (
        "oldpassword",
        "people",
        "pwdPolicySubentry: cn=short,ou=policies,dc=example,dc=test\n\
         pwdChangedTime: 20200101000000Z\n",
    ),
    ("twin", "people", ""),
    ("twin", "others", ""),
];

impl Slapd {
    /// Below which everything stands.
    pub const BASE: &str = "dc=example,dc=test";
    /// The account that may search.
    pub const SERVICE: (&str, &str) = ("cn=pierhead,dc=example,dc=test", "service-password");
    /// Everybody's password.
    pub const PASSWORD: &str = "partner-password";
    const ADMIN: (&str, &str) = ("cn=admin,dc=example,dc=test", "admin-password");

    /// Starts one whose certificate is for 127.0.0.1. Blocks.
    ///
    /// # Errors
    /// Where `slapd` or `ldap-utils` is not installed, or the server does not start.
    pub fn start() -> io::Result<Self> {
        Self::start_certified(&["127.0.0.1"])
    }

    /// Starts one whose certificate is for these hosts. Blocks.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_certified(hosts: &[&str]) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let at = folder.path();
        Authority::new(&at.join("tls"))?.certify(hosts)?;
        std::fs::create_dir(at.join("db"))?;
        let config = at.join("slapd.conf");
        let text = include_str!("slapd.conf").replace("FOLDER", &at.display().to_string());
        std::fs::write(&config, text)?;
        process::run(
            Command::new("/usr/sbin/slapadd")
                .arg("-q")
                .arg("-f")
                .arg(&config),
            &entries(),
        )?;
        let slapd = Self::listen(folder, &config)?;
        // Only a running server works out who is a member of what.
        slapd.modify(include_str!("slapd-groups.ldif"))?;
        Ok(slapd)
    }

    /// Starts the server on two ports that are free; others may take them meanwhile.
    fn listen(folder: tempfile::TempDir, config: &Path) -> io::Result<Self> {
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let log = folder.path().join("log");
        let mut tries = 3;
        loop {
            let (ldap, ldaps) = (address(free_port()?), address(free_port()?));
            let mut command = Command::new("/usr/sbin/slapd");
            command.arg("-f").arg(config).args(["-d", "0", "-h"]);
            command.arg(format!("ldap://{ldap} ldaps://{ldaps}"));
            tries -= 1;
            match Process::start(&mut command, &log, ldaps) {
                Ok(process) => {
                    return Ok(Self {
                        _process: process,
                        ldap,
                        ldaps,
                        folder,
                    });
                }
                Err(error) if tries == 0 => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Where it speaks LDAP, and takes StartTLS.
    pub fn ldap(&self) -> SocketAddr {
        self.ldap
    }

    /// Where it speaks LDAP over TLS.
    pub fn ldaps(&self) -> SocketAddr {
        self.ldaps
    }

    /// The certificate of its authority.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("tls/ca.pem")
    }

    /// The name of somebody's entry.
    pub fn dn(name: &str) -> String {
        format!("uid={name},ou=people,{}", Self::BASE)
    }

    /// Applies an LDIF; entries without a `changetype` are added.
    ///
    /// # Errors
    /// Where the directory refuses.
    pub fn modify(&self, ldif: &str) -> io::Result<()> {
        let mut command = Command::new("ldapmodify");
        let url = format!("ldap://{}", self.ldap);
        let (dn, password) = Self::ADMIN;
        command.args(["-a", "-x", "-H", &url, "-D", dn, "-w", password]);
        process::run(&mut command, ldif).map(drop)
    }

    /// Gives somebody this public key and no other.
    ///
    /// # Errors
    /// Where the directory refuses.
    pub fn set_key(&self, name: &str, key: &str) -> io::Result<()> {
        let dn = Self::dn(name);
        self.modify(&format!(
            "dn: {dn}\nchangetype: modify\nreplace: sshPublicKey\nsshPublicKey: {key}\n"
        ))
    }

    /// Gives somebody this password, as if he had chosen it himself: what another sets for him must
    /// be changed by the policy.
    ///
    /// # Errors
    /// Where the directory refuses.
    pub fn set_password(&self, name: &str, password: &str) -> io::Result<()> {
        let (dn, password) = (Self::dn(name), STANDARD.encode(password));
        self.modify(&format!(
            "dn: {dn}\nchangetype: modify\nreplace: userPassword\nuserPassword:: {password}\n\n\
             dn: {dn}\nchangetype: modify\nreplace: pwdReset\n"
        ))
    }
}

fn entries() -> String {
    let mut ldif = include_str!("slapd.ldif").to_owned();
    for (name, unit, more) in PEOPLE {
        let _ = write!(
            ldif,
            "\ndn: uid={name},ou={unit},{}\nobjectClass: inetOrgPerson\nobjectClass: posixAccount\n\
             objectClass: ldapPublicKey\nuid: {name}\ncn: {name}\nsn: {name}\nuidNumber: 10001\n\
             gidNumber: 10001\nhomeDirectory: /incoming/own/{name}\nuserPassword: {}\n{more}",
            Slapd::BASE,
            Slapd::PASSWORD,
        );
    }
    ldif
}
