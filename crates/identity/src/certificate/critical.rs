//! The critical options of a certificate: who does not understand one refuses the certificate.

use std::net::IpAddr;

use ipnet::IpNet;
use ssh_key::certificate::OptionsMap;

use super::{CertificateRefused, networks};

/// The critical options that are understood.
#[derive(Debug, Default)]
pub(super) struct Critical {
    from: Option<Vec<IpNet>>,
    pub(super) sftp_only: bool,
}

impl Critical {
    pub(super) fn read(options: &OptionsMap) -> Result<Self, CertificateRefused> {
        let mut critical = Self::default();
        for (name, value) in options.iter() {
            match name.as_str() {
                "source-address" => {
                    let from = networks(value).ok_or(CertificateRefused::SourceAddress)?;
                    critical.from = Some(from);
                }
                // With arguments (a folder, read only) it would mean less than we would give.
                "force-command" if value == "internal-sftp" => critical.sftp_only = true,
                "force-command" => return Err(CertificateRefused::ForcedCommand),
                _ => {
                    let name = name.chars().take(100).collect();
                    return Err(CertificateRefused::UnknownOption(name));
                }
            }
        }
        Ok(critical)
    }

    pub(super) fn check_address(&self, address: IpAddr) -> Result<(), CertificateRefused> {
        let address = address.to_canonical();
        let holds = |network: &IpNet| network.contains(&address);
        match self.from.as_ref().is_none_or(|from| from.iter().any(holds)) {
            true => Ok(()),
            false => Err(CertificateRefused::OtherAddress(address)),
        }
    }
}
