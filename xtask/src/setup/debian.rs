//! The Debian packages that tests need, found by what they install.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{environment, process};

/// A package, and the programs or files that prove it is there (any one is enough).
struct Package {
    name: &'static str,
    proofs: &'static [&'static str],
}

const PACKAGES: [Package; 22] = [
    Package {
        name: "openssh-client",
        proofs: &["sftp"],
    },
    Package {
        name: "openssh-server",
        proofs: &["/usr/sbin/sshd"],
    },
    Package {
        name: "sshfs",
        proofs: &["sshfs"],
    },
    Package {
        name: "putty-tools",
        proofs: &["psftp"],
    },
    Package {
        name: "lftp",
        proofs: &["lftp"],
    },
    Package {
        name: "curl",
        proofs: &["curl"],
    },
    Package {
        name: "filezilla",
        proofs: &["fzsftp"],
    },
    Package {
        name: "libnet-sftp-foreign-perl",
        proofs: &["/usr/share/perl5/Net/SFTP/Foreign.pm"],
    },
    Package {
        name: "libjsch-java",
        proofs: &["/usr/share/java/jsch.jar"],
    },
    Package {
        name: "default-jdk-headless",
        proofs: &["javac"],
    },
    Package {
        name: "php-cli",
        proofs: &["php"],
    },
    Package {
        name: "php-phpseclib3",
        proofs: &[
            "/usr/share/php/phpseclib3/autoload.php",
            "/usr/share/php/phpseclib3/Net/SFTP.php",
        ],
    },
    Package {
        name: "nodejs",
        proofs: &["node"],
    },
    Package {
        name: "npm",
        proofs: &["npm"],
    },
    Package {
        name: "slapd",
        proofs: &["/usr/sbin/slapd"],
    },
    Package {
        name: "ldap-utils",
        proofs: &["ldapmodify"],
    },
    Package {
        name: "samba",
        proofs: &["/usr/sbin/samba"],
    },
    Package {
        name: "samba-ad-provision",
        proofs: &["/usr/share/samba/setup/provision.ldif"],
    },
    Package {
        name: "samba-dsdb-modules",
        proofs: &[
            "/usr/lib/x86_64-linux-gnu/samba/ldb/samldb.so",
            "/usr/lib/aarch64-linux-gnu/samba/ldb/samldb.so",
        ],
    },
    Package {
        name: "mariadb-server-core",
        proofs: &["/usr/sbin/mariadbd"],
    },
    Package {
        name: "mariadb-client-core",
        proofs: &["mariadb"],
    },
    Package {
        name: "postgresql",
        proofs: &[
            "initdb",
            "/usr/lib/postgresql/15/bin/initdb",
            "/usr/lib/postgresql/17/bin/initdb",
        ],
    },
];

/// The packages that this machine lacks.
pub(crate) fn missing() -> Vec<&'static str> {
    let absent = PACKAGES
        .iter()
        .filter(|package| !package.proofs.iter().any(|it| is_here(it)));
    let mut names: Vec<&'static str> = absent.map(|package| package.name).collect();
    if environment::find_program("python3").is_none() {
        names.push("python3");
    }
    // Debian takes ensurepip out of python3 and puts it into a package of its own.
    if !process::succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
        names.push("python3-venv");
    }
    names
}

/// Installs the packages as root; without the rights it fails and names the one line to run.
pub(crate) fn install(packages: &[&'static str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let names = packages.join(" ");
    if environment::find_program("apt-get").is_none() {
        bail!("the tests need these Debian packages, or what they hold: {names}");
    }
    if !is_root()? {
        bail!(
            "the tests need Debian packages that are missing, and only root may install them. Run\n  \
             sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends {names}'\n\
             and then this again"
        );
    }
    eprintln!("setup: installing Debian packages: {names}");
    let _idle = NoServices::new()?;
    process::run(apt_get().arg("update"))?;
    process::run(
        apt_get()
            .args(["install", "-y", "--no-install-recommends"])
            .args(packages),
    )
}

/// While it lives, no package starts the service that it holds: tests start their own, and a
/// directory or a database that listens beside them is nothing that anybody asked for.
struct NoServices {
    /// The policy that was made for that; none where the machine has one of its own.
    made: Option<&'static Path>,
}

impl NoServices {
    fn new() -> Result<Self> {
        let policy = Path::new("/usr/sbin/policy-rc.d");
        if policy.exists() {
            return Ok(Self { made: None });
        }
        fs::write(policy, "#!/bin/sh\nexit 101\n").context("keep services from starting")?;
        let runnable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(policy, runnable).context("keep services from starting")?;
        Ok(Self { made: Some(policy) })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(policy) = self.made {
            // Nobody can be told here; the next packages would say that they did not start.
            let _ = fs::remove_file(policy);
        }
    }
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.arg("-qq").env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_here(proof: &str) -> bool {
    if proof.starts_with('/') {
        Path::new(proof).exists()
    } else {
        environment::find_program(proof).is_some()
    }
}

fn is_root() -> Result<bool> {
    let id = process::output(Command::new("id").arg("-u")).context("ask who runs this")?;
    Ok(id.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_by_name_and_files_by_path() {
        assert!(is_here("sh"));
        assert!(is_here("/bin/sh"));
        assert!(!is_here("pierhead-has-no-such-program"));
        assert!(!is_here("/pierhead/has/no/such/file"));
    }
}
