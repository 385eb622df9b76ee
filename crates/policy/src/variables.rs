//! Policy variables and the values that a principal gives them.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

/// A variable that a document may name as `${...}`, in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variable {
    /// `${transfer:UserName}`.
    UserName,
    /// `${transfer:HomeDirectory}`: bucket and folder, without slashes at the ends.
    HomeDirectory,
    /// `${transfer:HomeBucket}`.
    HomeBucket,
    /// `${transfer:HomeFolder}`: empty where the whole bucket is the home.
    HomeFolder,
    /// `${aws:username}`: the same name as `${transfer:UserName}`.
    AwsUserName,
    /// `${aws:SourceIp}`.
    SourceIp,
}

impl Variable {
    /// Every variable.
    pub const ALL: [Self; 6] = [
        Self::UserName,
        Self::HomeDirectory,
        Self::HomeBucket,
        Self::HomeFolder,
        Self::AwsUserName,
        Self::SourceIp,
    ];

    /// The name between the braces, as AWS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserName => "transfer:UserName",
            Self::HomeDirectory => "transfer:HomeDirectory",
            Self::HomeBucket => "transfer:HomeBucket",
            Self::HomeFolder => "transfer:HomeFolder",
            Self::AwsUserName => "aws:username",
            Self::SourceIp => "aws:SourceIp",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|variable| variable.as_str().eq_ignore_ascii_case(name))
    }

    /// Whether its value names a place that must not go on as another name.
    pub(crate) fn is_home(self) -> bool {
        matches!(
            self,
            Self::HomeDirectory | Self::HomeBucket | Self::HomeFolder
        )
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${{{}}}", self.as_str())
    }
}

/// Where a principal is at home: a bucket, and the folder in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    bucket: String,
    folder: String,
}

impl Home {
    /// From a bucket and a folder's key prefix (empty: the whole bucket), with or without a slash
    /// at its end. `None` where the bucket is empty or holds a slash.
    pub fn new(bucket: &str, folder: &str) -> Option<Self> {
        let valid = !bucket.is_empty() && !bucket.contains('/');
        valid.then(|| Self {
            bucket: bucket.to_owned(),
            folder: folder.trim_end_matches('/').to_owned(),
        })
    }

    /// From `/bucket/folder`, as users' rows hold it. `None` where no bucket is named.
    pub fn parse(directory: &str) -> Option<Self> {
        let path = directory.strip_prefix('/').unwrap_or(directory);
        let (bucket, folder) = path.split_once('/').unwrap_or((path, ""));
        Self::new(bucket, folder)
    }

    fn directory(&self) -> String {
        match self.folder.as_str() {
            "" => self.bucket.clone(),
            folder => format!("{}/{folder}", self.bucket),
        }
    }
}

/// What is known of a principal for as long as he is connected: the values of variables, and of
/// those condition keys that do not change from request to request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variables {
    user_name: String,
    home: Option<Home>,
    source_ip: Option<IpAddr>,
    secure_transport: bool,
}

impl Variables {
    /// Those of a user without home and address, who came through an encrypted channel.
    pub fn new(user_name: impl Into<String>) -> Self {
        Self {
            user_name: user_name.into(),
            home: None,
            source_ip: None,
            secure_transport: true,
        }
    }

    /// The same with a home.
    #[must_use]
    pub fn at_home(self, home: Home) -> Self {
        Self {
            home: Some(home),
            ..self
        }
    }

    /// The same from an address. An IPv4 address in IPv6's clothes is undressed.
    #[must_use]
    pub fn from(self, address: IpAddr) -> Self {
        Self {
            source_ip: Some(address.to_canonical()),
            ..self
        }
    }

    /// The same through a channel that is not encrypted.
    #[must_use]
    pub fn in_the_clear(self) -> Self {
        Self {
            secure_transport: false,
            ..self
        }
    }

    /// A variable's value; `None` where the principal has none.
    pub fn value(&self, variable: Variable) -> Option<Cow<'_, str>> {
        let home = self.home.as_ref();
        match variable {
            Variable::UserName | Variable::AwsUserName => Some(self.user_name.as_str().into()),
            Variable::HomeDirectory => home.map(|home| home.directory().into()),
            Variable::HomeBucket => home.map(|home| home.bucket.as_str().into()),
            Variable::HomeFolder => home.map(|home| home.folder.as_str().into()),
            Variable::SourceIp => self.source_ip.map(|address| address.to_string().into()),
        }
    }

    pub(crate) fn user_name(&self) -> &str {
        &self.user_name
    }

    pub(crate) fn source_ip(&self) -> Option<IpAddr> {
        self.source_ip
    }

    pub(crate) fn secure_transport(&self) -> bool {
        self.secure_transport
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_come_apart_into_bucket_and_folder() {
        for (directory, wanted) in [
            (
                "/bucket/home/acme",
                ("bucket/home/acme", "bucket", "home/acme"),
            ),
            (
                "/bucket/home/acme/",
                ("bucket/home/acme", "bucket", "home/acme"),
            ),
            ("/bucket", ("bucket", "bucket", "")),
            ("bucket/", ("bucket", "bucket", "")),
        ] {
            let variables = Variables::new("acme").at_home(Home::parse(directory).unwrap());
            let value = |variable| variables.value(variable).unwrap().into_owned();
            assert_eq!(value(Variable::HomeDirectory), wanted.0);
            assert_eq!(value(Variable::HomeBucket), wanted.1);
            assert_eq!(value(Variable::HomeFolder), wanted.2);
        }
        for directory in ["", "/", "//home"] {
            assert_eq!(Home::parse(directory), None, "{directory:?}");
        }
    }

    #[test]
    fn an_ipv4_address_is_one_in_either_family() {
        let mapped: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
        let variables = Variables::new("acme").from(mapped);
        assert_eq!(variables.value(Variable::SourceIp).unwrap(), "192.0.2.7");
    }
}
