//! Patterns of `ssh_config(5)`: `*`, `?`, and `!` for those that must not fit.

/// Whether one of the names fits a list of patterns. One that fits a pattern with `!` does not,
/// whatever else it fits.
pub(super) fn matches(list: &str, names: &[&str]) -> bool {
    let mut found = false;
    for pattern in list.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        let (pattern, negated) = match pattern.strip_prefix('!') {
            Some(pattern) => (pattern, true),
            None => (pattern, false),
        };
        let fits = names
            .iter()
            .any(|name| fits(pattern.as_bytes(), name.as_bytes()));
        match (fits, negated) {
            (true, true) => return false,
            (true, false) => found = true,
            (false, _) => {}
        }
    }
    found
}

/// Whether a file's name fits the last part of an `Include`, as `glob(7)` has it: a dot at the
/// beginning must be there.
pub fn is_named(pattern: &str, name: &str) -> bool {
    let hidden = name.starts_with('.') && !pattern.starts_with('.');
    !hidden && fits(pattern.as_bytes(), name.as_bytes())
}

/// Two positions and the last star: no pattern takes longer than its length times the name's.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while place < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || name.get(place) == Some(wanted) => {
                at += 1;
                place += 1;
            }
            _ => match star {
                Some((behind, taken)) => {
                    star = Some((behind, taken + 1));
                    (at, place) = (behind + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    let rest = pattern.get(at..).unwrap_or_default();
    rest.iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_in_ssh() {
        for (list, name, wanted) in [
            ("acme", "acme", true),
            ("acme", "acme2", false),
            ("ac*", "acme", true),
            ("*", "", true),
            ("a?me", "acme", true),
            ("a?me", "ame", false),
            ("*,!acme", "acme", false),
            ("!acme,*", "other", true),
            ("!acme", "other", false),
            ("*a*b", "xxaxxb", true),
            ("*a*b", "xxbxxa", false),
        ] {
            assert_eq!(matches(list, &[name]), wanted, "{list} {name}");
        }
    }

    #[test]
    fn included_files_are_named_as_in_a_shell() {
        assert!(is_named("*.conf", "50-sftp.conf"));
        for name in [".hidden.conf", "50-sftp.conf.dpkg-old", "conf"] {
            assert!(!is_named("*.conf", name), "{name}");
        }
    }
}
