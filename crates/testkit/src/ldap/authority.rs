//! A certificate authority that lives as long as a test.

use std::io;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// An authority. Its certificate, and those it makes, are files in a folder.
pub struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes one whose files are in `folder`.
    ///
    /// # Errors
    /// Where the files cannot be written.
    pub fn new(folder: &Path) -> io::Result<Self> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let mut params = CertificateParams::new(Vec::new()).map_err(io::Error::other)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = "Pierhead test authority";
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).map_err(io::Error::other)?;
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("ca.pem"), certificate.pem())?;
        Ok(Self {
            folder: folder.to_owned(),
            issuer: Issuer::new(params, key),
        })
    }

    /// The file of its own certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Makes a server's certificate for these host names and addresses: `server.pem` and
    /// `server.key` in its folder.
    ///
    /// # Errors
    /// Where a name cannot be one, or the files cannot be written.
    pub fn certify(&self, names: &[&str]) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).map_err(io::Error::other)?;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(io::Error::other)?;
        std::fs::write(self.folder.join("server.pem"), certificate.pem())?;
        let key_file = self.folder.join("server.key");
        std::fs::write(&key_file, key.serialize_pem())?;
        // Samba wants it so.
        std::fs::set_permissions(key_file, std::fs::Permissions::from_mode(0o600))
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}
