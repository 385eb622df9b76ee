//! `Place`: where in the buckets something goes, and what cannot stand there.

use model::{BucketName, Location, ObjectKey, VirtualPath};
use storage::Capabilities;

/// The prefix at the top of every bucket that belongs to the gateway itself.
const RESERVED: &str = ".pierhead";

/// Whether a key belongs to a gateway itself.
pub(crate) fn is_reserved(key: &str) -> bool {
    key.split('/').next() == Some(RESERVED)
}

/// A bucket and a clean prefix in it, without a slash at either end; `""` is the whole bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The bucket.
    pub bucket: BucketName,
    /// The prefix.
    pub prefix: String,
}

impl Place {
    /// Reads `BUCKET` or `BUCKET/PREFIX`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
        let bucket = BucketName::parse(bucket).map_err(|error| error.to_string())?;
        let prefix = prefix.trim_end_matches('/');
        if !prefix.is_empty() {
            check(prefix)?;
        }
        Ok(Self {
            bucket,
            prefix: prefix.to_owned(),
        })
    }

    /// Where a name below this place goes; the key of a directory ends in a slash.
    ///
    /// # Errors
    /// Why nothing can stand there under such a name.
    pub(crate) fn of(
        &self,
        name: &str,
        is_directory: bool,
        store: &Capabilities,
    ) -> Result<Location, String> {
        let path = join(&self.prefix, name);
        check(&path)?;
        if let Some(most) = store.max_name_bytes
            && path.split('/').any(|name| name.len() > most)
        {
            return Err(format!("a name in it is longer than {most} bytes"));
        }
        let key = match is_directory {
            true => format!("{path}/"),
            false => path,
        };
        if key.len() > store.max_key_bytes {
            let most = store.max_key_bytes;
            return Err(format!("its key has {} bytes, more than {most}", key.len()));
        }
        let key = ObjectKey::parse(key).map_err(|error| error.to_string())?;
        Ok(Location {
            bucket: self.bucket.clone(),
            key,
        })
    }
}

/// Joins two paths, either of which may be empty.
pub(crate) fn join(one: &str, other: &str) -> String {
    match (one, other) {
        ("", path) | (path, "") => path.to_owned(),
        (one, other) => format!("{one}/{other}"),
    }
}

/// Refuses what SFTP cannot say, and what is the gateway's own.
fn check(path: &str) -> Result<(), String> {
    let clean = VirtualPath::parse(format!("/{path}").as_bytes(), &VirtualPath::root());
    let clean = clean.map_err(|error| error.to_string())?;
    if clean.as_str().get(1..) != Some(path) {
        return Err("a name in it is empty, '.' or '..', which SFTP cannot say".to_owned());
    }
    match is_reserved(path) {
        true => Err(format!("the prefix {RESERVED}/ belongs to the gateway")),
        false => Ok(()),
    }
}

/// The path under which an object is told of: that of its bucket and key.
pub(crate) fn path_of(location: &Location) -> VirtualPath {
    let text = format!("/{}/{}", location.bucket, location.key);
    VirtualPath::parse(text.as_bytes(), &VirtualPath::root())
        .unwrap_or_else(|_| VirtualPath::root())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        for (text, bucket, prefix) in [
            ("b", "b", ""),
            ("b/", "b", ""),
            ("b/home", "b", "home"),
            ("b/home/ann/", "b", "home/ann"),
        ] {
            let place = Place::parse(text).expect(text);
            assert_eq!((place.bucket.as_str(), &*place.prefix), (bucket, prefix));
        }
        for wrong in [
            "",
            "/",
            "b//x",
            "b/../x",
            "b/.pierhead",
            "b/.pierhead/x",
            "b c",
            "b/a\nb",
        ] {
            assert!(Place::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn names_become_keys_or_are_refused() {
        let store = storage::memory::MemoryStore::new(BucketName::parse("b").expect("valid"));
        let store = storage::ObjectStore::capabilities(&store);
        let place = Place::parse("b/home").expect("valid");
        let key = |name: &str, is_directory| {
            place
                .of(name, is_directory, store)
                .map(|location| location.key.to_string())
        };
        assert_eq!(key("a/b", false), Ok("home/a/b".to_owned()));
        assert_eq!(key("a", true), Ok("home/a/".to_owned()));
        assert_eq!(key(".pierhead/x", false), Ok("home/.pierhead/x".to_owned()));
        let long = "x".repeat(256);
        for wrong in ["a//b", "a/./b", "..", "/a", "a\u{7}", &long] {
            assert!(key(wrong, false).is_err(), "{wrong}");
        }
        let deep = vec!["x".repeat(200); 6].join("/");
        assert!(key(&deep, false).expect_err("too long").contains("1024"));
        let top = Place::parse("b").expect("valid");
        assert!(top.of(".pierhead/x", false, store).is_err());
    }
}
