//! `Names`: which names files may be given, by globs of the user and his group.

use database::UserLimits;
use model::{ErrorKind, VirtualPath};

use crate::{Error, Result};

/// The longest glob, in bytes: as long as the longest name.
const LONGEST: usize = 255;

/// Checks limits before they are stored.
///
/// # Errors
/// `Invalid`, naming what cannot be used and why.
pub fn check_limits(limits: &UserLimits) -> Result<()> {
    let invalid = |why: String| Err(Error::new(ErrorKind::Invalid, format!("set limits: {why}")));
    for glob in limits.allowed_names.iter().chain(&limits.denied_names) {
        if glob.is_empty() || glob.len() > LONGEST || glob.contains('/') {
            let why = "a name's glob has 1 to 255 bytes and no '/'";
            return invalid(format!("{glob:?}: {why}"));
        }
    }
    if limits.upload_rate == Some(0) || limits.download_rate == Some(0) {
        return invalid("a rate is at least 1 byte a second".to_owned());
    }
    Ok(())
}

/// The names that files may be given. A name must match one of each list of allowed ones, and
/// none that are denied. Case makes no difference.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    allowed: Vec<Vec<String>>,
    denied: Vec<String>,
}

impl Names {
    /// Those that all of these limits allow.
    pub(crate) fn of<'a>(limits: impl IntoIterator<Item = &'a UserLimits>) -> Self {
        let mut names = Self::default();
        for limits in limits {
            if !limits.allowed_names.is_empty() {
                names.allowed.push(lower(&limits.allowed_names));
            }
            names.denied.extend(lower(&limits.denied_names));
        }
        names
    }

    /// What is allowed, and behind a `!` what is not; in small letters.
    pub(crate) fn globs(&self) -> Vec<String> {
        let denied = self.denied.iter().map(|glob| format!("!{glob}"));
        self.allowed
            .iter()
            .flatten()
            .cloned()
            .chain(denied)
            .collect()
    }

    /// Fails where a file may not be given this name. One that ends in one of `suffixes` is
    /// temporary, and judged by the name that it will have without.
    pub(crate) fn check(
        &self,
        operation: &str,
        path: &VirtualPath,
        suffixes: &[String],
    ) -> Result<()> {
        if self.allowed.is_empty() && self.denied.is_empty() {
            return Ok(());
        }
        let name = path.name().unwrap_or_default();
        let stem = suffixes.iter().find_map(|suffix| {
            let stem = name.strip_suffix(suffix.as_str())?;
            (!stem.is_empty() && !suffix.is_empty()).then_some(stem)
        });
        let name = stem.unwrap_or(name).to_lowercase();
        let any = |globs: &Vec<String>| globs.iter().any(|glob| matches(glob, &name));
        if any(&self.denied) || !self.allowed.iter().all(any) {
            let why = "files of this name are not allowed here";
            return Err(Error::new(
                ErrorKind::Denied,
                format!("{operation} {path}: {why}"),
            ));
        }
        Ok(())
    }
}

fn lower(globs: &[String]) -> Vec<String> {
    globs.iter().map(|glob| glob.to_lowercase()).collect()
}

/// Whether all of `name` matches: `*` is any characters or none, `?` is one. Takes at most the
/// length of one times that of the other.
fn matches(glob: &str, name: &str) -> bool {
    let (glob, name): (Vec<char>, Vec<char>) = (glob.chars().collect(), name.chars().collect());
    let (mut at, mut from) = (0, 0);
    // Where the last `*` stood, and how much of the name it took.
    let mut star: Option<(usize, usize)> = None;
    while from < name.len() {
        match glob.get(at) {
            Some('*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(token) if *token == '?' || name.get(from) == Some(token) => {
                at += 1;
                from += 1;
            }
            _ => {
                let Some((stood, taken)) = star else {
                    return false;
                };
                star = Some((stood, taken + 1));
                (at, from) = (stood + 1, taken + 1);
            }
        }
    }
    glob.iter().skip(at).all(|token| *token == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_names() {
        for (glob, name, expected) in [
            ("*.csv", "a.csv", true),
            ("*.csv", ".csv", true),
            ("*.csv", "a.csv.exe", false),
            ("*.csv", "acsv", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a?c", "aéc", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("*ab", "aab", true),
            ("", "", true),
            ("*", "", true),
            ("order-[1]*", "order-[1].x", true),
        ] {
            assert_eq!(matches(glob, name), expected, "{glob} {name}");
        }
    }

    #[test]
    fn a_long_match_ends_soon() {
        let glob = "*a".repeat(100);
        assert!(!matches(&glob, &"a".repeat(99)));
        assert!(!matches(&glob, &"b".repeat(250)));
    }

    #[test]
    fn all_lists_must_allow_a_name_and_none_deny_it() {
        let limits = |allowed: &[&str], denied: &[&str]| UserLimits {
            allowed_names: allowed.iter().map(|glob| (*glob).to_owned()).collect(),
            denied_names: denied.iter().map(|glob| (*glob).to_owned()).collect(),
            ..UserLimits::default()
        };
        let user = limits(&["*.csv", "*.xml"], &[]);
        let group = limits(&["order-*"], &["*secret*"]);
        let names = Names::of([&user, &group]);
        let suffixes = [".filepart".to_owned()];
        for (name, expected) in [
            ("/in/order-1.csv", true),
            ("/in/ORDER-1.CSV", true),
            ("/in/order-1.csv.filepart", true),
            ("/in/order-1.exe.filepart", false),
            ("/in/order-1.exe", false),
            ("/in/1.csv", false),
            ("/order-1.csv/x", false),
            ("/in/order-secret.csv", false),
        ] {
            let path = VirtualPath::parse(name.as_bytes(), &VirtualPath::root());
            let allowed = names.check("open", &path.expect("valid"), &suffixes);
            assert_eq!(allowed.is_ok(), expected, "{name}");
        }
    }

    #[test]
    fn limits_that_cannot_hold_are_refused() {
        let named = |glob: &str| UserLimits {
            denied_names: vec![glob.to_owned()],
            ..UserLimits::default()
        };
        check_limits(&named("*.exe")).expect("valid");
        for glob in ["", "a/b", &"x".repeat(256)] {
            check_limits(&named(glob)).expect_err("invalid");
        }
        let standing_still = UserLimits {
            upload_rate: Some(0),
            ..UserLimits::default()
        };
        check_limits(&standing_still).expect_err("invalid");
    }
}
