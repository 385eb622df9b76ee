//! Reading `/bucket/prefix` or `store:/bucket/prefix`, as home directories and mappings name where
//! files really are.

use model::{BucketName, UserName};

/// The prefix at the top of every bucket that belongs to the gateway itself.
const RESERVED: &str = ".pierhead";

/// Whether a key belongs to the gateway itself, so that no verb may reach it.
pub(crate) fn is_reserved(key: &str) -> bool {
    key.split('/').next() == Some(RESERVED)
}

/// A bucket and a clean key in it, without a trailing slash; `""` is the whole bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The store connection that was named; the bucket must be reached through it.
    pub(crate) store: Option<String>,
    pub(crate) bucket: BucketName,
    pub(crate) key: String,
}

/// Why a home directory or mapping target leads nowhere. Shown to the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidTarget {
    #[error("{0:?} does not begin with '/'")]
    Relative(String),
    #[error("{0:?} holds a name that is empty, '.', '..' or has a control character")]
    Name(String),
    #[error("{0:?} holds a variable other than ${{transfer:UserName}}")]
    Variable(String),
    #[error("{0:?} lies in the reserved prefix {RESERVED}/")]
    Reserved(String),
    #[error(transparent)]
    Location(#[from] model::InvalidLocation),
}

impl Target {
    /// Reads `/bucket` or `/bucket/prefix`, with `store:` before it perhaps; `${transfer:UserName}` stands for the name, literally.
    ///
    /// The text is split into names before the variable is replaced, and user names hold no
    /// slash and are not `.` or `..`, so that no name leads elsewhere.
    pub(crate) fn parse(text: &str, user: &UserName) -> Result<Self, InvalidTarget> {
        let (store, rest) = match text.split_once(":/") {
            Some((store, rest)) if is_store(store) => (Some(store.to_owned()), rest),
            _ => (None, text.strip_prefix('/').unwrap_or("")),
        };
        if store.is_none() && !text.starts_with('/') {
            return Err(InvalidTarget::Relative(text.to_owned()));
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let names = rest
            .split('/')
            .map(|name| substitute(name, user).ok_or(InvalidTarget::Variable(text.to_owned())))
            .collect::<Result<Vec<_>, _>>()?;
        if names.iter().any(|name| !is_plain(name)) {
            return Err(InvalidTarget::Name(text.to_owned()));
        }
        let (bucket, key) = match names.split_first() {
            Some((bucket, key)) => (BucketName::parse(bucket)?, key.join("/")),
            None => return Err(InvalidTarget::Name(text.to_owned())),
        };
        if is_reserved(&key) || bucket.as_str() == RESERVED {
            return Err(InvalidTarget::Reserved(text.to_owned()));
        }
        Ok(Self { store, bucket, key })
    }
}

/// Whether this can be the name of a store connection.
fn is_store(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !name.is_empty() && name.bytes().all(plain)
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.chars().any(char::is_control)
}

/// Replaces the variable in one name; none where another one is left.
pub(crate) fn substitute(name: &str, user: &UserName) -> Option<String> {
    let mut text = String::with_capacity(name.len());
    for (position, piece) in name.split("${transfer:UserName}").enumerate() {
        if piece.contains("${") {
            return None;
        }
        if position > 0 {
            text.push_str(user.as_str());
        }
        text.push_str(piece);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, user: &str) -> Result<(String, String), InvalidTarget> {
        let user = UserName::parse(user).expect("valid");
        Target::parse(text, &user).map(|target| (target.bucket.to_string(), target.key))
    }

    #[test]
    fn targets_are_a_bucket_and_a_key() {
        for (text, user, bucket, key) in [
            ("/b", "ann", "b", ""),
            ("/b/", "ann", "b", ""),
            ("/b/home/ann", "ann", "b", "home/ann"),
            ("/b/home/ann/", "ann", "b", "home/ann"),
            ("/b/home/${transfer:UserName}/in", "ann", "b", "home/ann/in"),
            ("/b/x-${transfer:UserName}-y", "a*b", "b", "x-a*b-y"),
            ("/b/${transfer:UserName}", "${transfer", "b", "${transfer"),
            ("/b/home/.pierhead", "ann", "b", "home/.pierhead"),
        ] {
            let expected = Ok((bucket.to_owned(), key.to_owned()));
            assert_eq!(parse(text, user), expected, "{text}");
        }
    }

    #[test]
    fn targets_may_name_their_store() {
        let user = UserName::parse("ann").expect("valid");
        for (text, store) in [
            ("archive:/b/x", Some("archive")),
            ("cold-2_eu:/b", Some("cold-2_eu")),
            ("/b/a:/c", None),
            ("/b/x", None),
        ] {
            let target = Target::parse(text, &user).map(|target| target.store);
            assert_eq!(target, Ok(store.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn what_leads_nowhere_is_refused() {
        for text in [
            "",
            "/",
            "//",
            "b/home",
            "archive:b/home",
            ":/b/home",
            "a b:/b/home",
            "archive:/",
            "archive://b",
            "/b//home",
            "/b/../c",
            "/b/./c",
            "/b/ho\nme",
            "/b/${transfer:HomeDirectory}",
            "/b/${aws:username}/x",
            "/b/.pierhead",
            "/b/.pierhead/staging",
            "/b c/home",
        ] {
            assert!(parse(text, "ann").is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_reserved_prefix_is_at_the_top_alone() {
        for (key, reserved) in [
            (".pierhead", true),
            (".pierhead/", true),
            (".pierhead/x/y", true),
            (".pierhead2/x", false),
            ("a/.pierhead/x", false),
            ("", false),
        ] {
            assert_eq!(is_reserved(key), reserved, "{key:?}");
        }
    }
}
