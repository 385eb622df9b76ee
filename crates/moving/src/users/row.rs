//! A user as a row of named texts: what a CSV file, an SQL query and the like have in common.

use std::collections::BTreeMap;

use database::{HomeType, Mapping, MappingKind, UserLimits};
use identity::{AuthenticationMethods, PasswordHash, Passwords};
use model::{Secret, UserName};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::arrivals::{ArrivingKey, ArrivingPassword, ArrivingUser};
use super::bounds;
use super::finding::Finding;
use super::options::home_for;
use super::profile::Profile;
use super::unix::authorized_keys;

/// The fields that a row may have, and what stands in each.
pub const FIELDS: [(&str, &str); 24] = [
    (
        "name",
        "the name that he logs in with; the only field that every row must have",
    ),
    ("password", "his password as it is, or `generate`"),
    (
        "password_hash",
        "the hash of his password, of any format that is taken",
    ),
    (
        "home",
        "/BUCKET/PREFIX; `${transfer:UserName}` stands for his name",
    ),
    ("home_type", "LOGICAL or PATH"),
    (
        "mappings",
        "ENTRY=/BUCKET/TARGET[:PERMISSIONS], `;` or a new line between them, or a JSON list of Entry and Target",
    ),
    ("keys", "lines as in authorized_keys, with their options"),
    ("group", "the name of his group; made where there is none"),
    ("role", "the name or the ARN of his role"),
    (
        "session_policy",
        "a policy document (JSON) that narrows his role",
    ),
    (
        "methods",
        "PASSWORD, PUBLIC_KEY, PUBLIC_KEY_OR_PASSWORD or PUBLIC_KEY_AND_PASSWORD",
    ),
    (
        "permissions",
        "read,list,write,overwrite,rename,delete,mkdir, all or none",
    ),
    (
        "allow_from",
        "networks that he may come from, white space or `,` between them",
    ),
    ("deny_from", "networks that he may not come from"),
    (
        "expires",
        "2027-01-31, 2027-01-31T12:00:00Z, or seconds since 1970",
    ),
    ("disabled", "yes or no"),
    (
        "enabled",
        "no or yes, for sources that say it the other way round",
    ),
    ("max_sessions", "sessions at the same time"),
    ("max_bytes", "bytes in all: 10GiB"),
    ("max_files", "files in all"),
    ("max_file_size", "bytes of one file"),
    ("upload_rate", "bytes a second"),
    ("download_rate", "bytes a second"),
    (
        "deny_names",
        "names that files may not be given, as globs, `,` between them",
    ),
];

/// The word that asks for a password to be made.
const GENERATE: &str = "generate";

/// A user's fields by name, and where they stand.
pub struct Row {
    /// For findings: `line 3`.
    pub place: String,
    fields: BTreeMap<String, Zeroizing<String>>,
}

impl Row {
    /// An empty row at a place.
    pub fn at(place: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            fields: BTreeMap::new(),
        }
    }

    /// Fills a field; an empty text is nothing.
    pub fn set(&mut self, field: impl Into<String>, text: impl Into<String>) {
        let text = Zeroizing::new(text.into());
        if !text.trim().is_empty() {
            self.fields.insert(field.into(), text);
        }
    }

    /// Whether a field is filled.
    pub(super) fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field).map(|text| text.trim())
    }

    fn wrong(&self, about: impl ToString, field: &str, why: &str) -> Finding {
        let what = format!("{}: field {field}: {why}", self.place);
        Finding::fault(about, what)
    }

    /// The user. `home` is the template for those who name none; what is odd and no fault goes into
    /// `findings`.
    ///
    /// # Errors
    /// A finding says which field is wrong, and never what stands in it where that is a secret.
    pub fn read(
        &self,
        home: Option<&str>,
        findings: &mut Vec<Finding>,
    ) -> Result<ArrivingUser, Finding> {
        let Some(name) = self.text("name") else {
            return Err(Finding::fault(&self.place, "field name: it is empty"));
        };
        let name = UserName::parse(name)
            .map_err(|error| Finding::fault(&self.place, error.to_string()))?;
        let password = self.password(&name)?;
        Ok(ArrivingUser {
            password,
            keys: self.keys(&name, findings),
            profile: self.profile(&name, home)?,
            name,
        })
    }

    fn password(&self, name: &UserName) -> Result<ArrivingPassword, Finding> {
        let plain = self.fields.get("password");
        let hash = self.text("password_hash");
        match (plain, hash) {
            (Some(_), Some(_)) => {
                let why = "there is a password_hash, too: one of the two";
                Err(self.wrong(name, "password", why))
            }
            (None, None) => Ok(ArrivingPassword::None),
            (Some(word), None) if word.as_str() == GENERATE => Ok(ArrivingPassword::Generate),
            (Some(plain), None) => {
                if plain.len() > Passwords::MAX_BYTES {
                    return Err(self.wrong(name, "password", "it is longer than 1024 bytes"));
                }
                // A hash that is taken for a password would keep its user out.
                if plain.starts_with(['$', '{']) && PasswordHash::parse(plain).is_ok() {
                    let why = "this is a hash: it belongs into the field password_hash";
                    return Err(self.wrong(name, "password", why));
                }
                Ok(ArrivingPassword::Plain(Secret::new(plain.to_string())))
            }
            (None, Some(hash)) => match PasswordHash::parse(hash) {
                Ok(_) => Ok(ArrivingPassword::Hash(Secret::new(hash.to_owned()))),
                Err(error) => Err(self.wrong(name, "password_hash", &error.to_string())),
            },
        }
    }

    fn keys(&self, name: &UserName, findings: &mut Vec<Finding>) -> Vec<ArrivingKey> {
        let text = self.fields.get("keys").map_or("", |text| text.as_str());
        authorized_keys::read(text, &format!("{name}, {}", self.place), findings)
    }

    fn profile(&self, name: &UserName, home: Option<&str>) -> Result<Profile, Finding> {
        let mappings = self.mappings(name)?;
        let home = self.text("home").or(home);
        let home = home.map(|template| home_for(template, name));
        if home.is_none() && mappings.is_empty() {
            let why = "it is empty: name a home for all with --home /BUCKET/${transfer:UserName}";
            return Err(self.wrong(name, "home", why));
        }
        let mut profile = Profile {
            home_directory: home.unwrap_or_default(),
            mappings,
            limits: self.limits(name)?,
            group: self.text("group").map(str::to_owned),
            role: self.text("role").map(str::to_owned),
            session_policy: self.text("session_policy").map(str::to_owned),
            ..Profile::default()
        };
        self.standing(name, &mut profile)?;
        Ok(profile)
    }

    /// What he has to show, what he may do, when and from where he may come.
    fn standing(&self, name: &UserName, profile: &mut Profile) -> Result<(), Finding> {
        let wrong = |field, why: String| self.wrong(name, field, &why);
        if let Some(text) = self.text("home_type") {
            let kind = text.to_ascii_uppercase().parse::<HomeType>();
            profile.home_type = kind.map_err(|why| wrong("home_type", why))?;
        }
        if let Some(text) = self.text("methods") {
            let methods = AuthenticationMethods::parse(text);
            let methods = methods.map_err(|why| wrong("methods", why.to_string()))?;
            profile.methods = Some(methods.to_string());
        }
        if let Some(text) = self.text("permissions") {
            let permissions = text.parse();
            profile.permissions = permissions
                .map_err(|why: policy::UnknownAction| wrong("permissions", why.to_string()))?;
        }
        let (allow, deny) = (self.words("allow_from"), self.words("deny_from"));
        profile.networks =
            bounds::networks(allow, deny).map_err(|why| wrong("allow_from or deny_from", why))?;
        if let Some(text) = self.text("expires") {
            let why = "write 2027-01-31, 2027-01-31T12:00:00Z or seconds since 1970";
            let time = bounds::time(text);
            profile.expires = Some(time.ok_or_else(|| wrong("expires", why.to_owned()))?);
        }
        let flag = |field, without| match self.text(field) {
            None => Ok(without),
            Some(text) => {
                bounds::yes(text).ok_or_else(|| wrong(field, "it is neither yes nor no".to_owned()))
            }
        };
        profile.disabled = flag("disabled", false)? || !flag("enabled", true)?;
        Ok(())
    }

    fn limits(&self, name: &UserName) -> Result<UserLimits, Finding> {
        let number = |field| self.parsed(name, field, |text| text.parse::<u64>().ok());
        let bytes = |field| self.parsed(name, field, bounds::bytes);
        let sessions = number("max_sessions")?;
        Ok(UserLimits {
            sessions: sessions.map(|number| u32::try_from(number).unwrap_or(u32::MAX)),
            bytes: bytes("max_bytes")?,
            files: number("max_files")?,
            file_size: bytes("max_file_size")?,
            allowed_names: Vec::new(),
            denied_names: self.words("deny_names"),
            upload_rate: bytes("upload_rate")?,
            download_rate: bytes("download_rate")?,
        })
    }

    fn parsed(
        &self,
        name: &UserName,
        field: &str,
        parse: impl Fn(&str) -> Option<u64>,
    ) -> Result<Option<u64>, Finding> {
        match self.text(field) {
            None => Ok(None),
            Some(text) => match parse(text) {
                Some(number) => Ok(Some(number)),
                None => Err(self.wrong(name, field, "it is not a number that can be read")),
            },
        }
    }

    fn words(&self, field: &str) -> Vec<String> {
        let text = self.text(field).unwrap_or_default();
        let words = text.split([',', ';', ' ', '\n', '\t']).map(str::trim);
        let words = words.filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    }

    fn mappings(&self, name: &UserName) -> Result<Vec<Mapping>, Finding> {
        let Some(text) = self.text("mappings") else {
            return Ok(Vec::new());
        };
        let found = match text.starts_with('[') {
            true => listed(text),
            false => {
                let texts = text.split([';', '\n']).map(str::trim);
                let texts = texts.filter(|text| !text.is_empty());
                texts.map(bounds::mapping).collect()
            }
        };
        found.map_err(|why| self.wrong(name, "mappings", &why))
    }
}

/// A home directory mapping, as AWS Transfer writes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AwsMapping {
    entry: String,
    target: String,
    #[serde(default)]
    r#type: MappingKind,
}

impl From<AwsMapping> for Mapping {
    fn from(mapping: AwsMapping) -> Self {
        Self {
            entry: mapping.entry,
            target: mapping.target,
            kind: mapping.r#type,
            permissions: None,
        }
    }
}

/// A JSON list of mappings.
pub(crate) fn listed(text: &str) -> Result<Vec<Mapping>, String> {
    let list: Result<Vec<AwsMapping>, _> = serde_json::from_str(text);
    let list = list.map_err(|error| {
        format!(
            "it is not a JSON list of Entry and Target (line {}, column {})",
            error.line(),
            error.column()
        )
    })?;
    Ok(list.into_iter().map(Mapping::from).collect())
}
