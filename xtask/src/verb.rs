//! The verbs of `cargo xtask`: their names, their help, and what a typing error gets.

use anyhow::{Result, bail};

/// One chore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Bench,
    Ci,
    Floors,
    Interop,
    Setup,
    Test,
    Torture,
}

const VERBS: [(Verb, &str, &str); 7] = [
    (
        Verb::Floors,
        "floors",
        "check that every crate imports from lower floors only",
    ),
    (
        Verb::Setup,
        "setup",
        "install what the tests need and this machine lacks",
    ),
    (
        Verb::Test,
        "test",
        "set the machine up, then run every test, the interop matrix and a short torture",
    ),
    (
        Verb::Ci,
        "ci",
        "everything that CI runs: format, lints, floors, docs, tests",
    ),
    (
        Verb::Interop,
        "interop",
        "real clients against a real gateway, as a matrix",
    ),
    (
        Verb::Bench,
        "bench",
        "server CPU per GiB, in turn against OpenSSH",
    ),
    (
        Verb::Torture,
        "torture",
        "kill the gateway a thousand times, and look whether anything was lost",
    ),
];

impl Verb {
    /// The verb of that name, or an error that names the nearest one.
    pub(crate) fn parse(name: &str) -> Result<Self> {
        if let Some((verb, ..)) = VERBS.iter().find(|(_, known, _)| *known == name) {
            return Ok(*verb);
        }
        let names = VERBS.map(|(_, known, _)| known);
        match nearest(name, &names) {
            Some(near) => bail!("no verb `{name}`; did you mean `cargo xtask {near}`?"),
            None => bail!("no verb `{name}`; the verbs are {}", names.join(", ")),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        self.row().1
    }

    /// What `cargo xtask VERB --help` prints.
    pub(crate) fn help(self) -> String {
        let (_, name, purpose) = self.row();
        let details = match self {
            Self::Bench => {
                "  --quick          three rounds instead of five\n  \
                 --size MIB       bytes moved per transfer, in MiB (default 1024)\n  \
                 --binary PATH    measure this pierhead instead of a fresh release build\n"
            }
            Self::Interop => {
                "  --store NAME     local, s3 or moto; may be repeated (default: all three)\n  \
                 --client NAME    may be repeated (default: all)\n  \
                 --column TITLE   may be repeated (default: all)\n  \
                 --peer sshd      run against OpenSSH's server instead of the gateway\n  \
                 --binary PATH    test this pierhead instead of a fresh dev build\n  \
                 --check          compare with docs/INTEROP.md instead of writing it\n"
            }
            Self::Setup => "  --check          install nothing; fail when something is missing\n",
            Self::Test => {
                "  --no-interop     leave the interop matrix out\n  \
                 --no-torture     leave the short torture out\n"
            }
            Self::Torture => {
                "  --quick          thirty kills instead of a thousand\n  \
                 --kills N        so many kills, shared out among the combinations\n  \
                 --seed N         make the choices of an earlier run again\n  \
                 --store NAME     local, s3 or moto; may be repeated (default: all three)\n  \
                 --database NAME  sqlite or postgres; may be repeated (default: both)\n  \
                 --without DEED   leave a kind of operation out, such as rename\n  \
                 --binary PATH    kill this pierhead instead of a fresh dev build\n"
            }
            Self::Ci | Self::Floors => "",
        };
        format!("cargo xtask {name}: {purpose}\n{details}")
    }

    /// An error for verbs that take no arguments.
    pub(crate) fn refuse_arguments(self, arguments: &[String]) -> Result<()> {
        match arguments.first() {
            None => Ok(()),
            Some(first) => bail!(
                "`cargo xtask {}` takes no argument, got `{first}`",
                self.name()
            ),
        }
    }

    /// An error for a flag that `self` does not know, naming the nearest of `known`.
    pub(crate) fn unknown_flag<T>(self, flag: &str, known: &[&'static str]) -> Result<T> {
        let hint = nearest(flag, known).map(|near| format!("; did you mean `{near}`?"));
        let name = self.name();
        bail!(
            "`cargo xtask {name}` knows no `{flag}`{}",
            hint.unwrap_or_else(|| format!("; see `cargo xtask {name} --help`"))
        )
    }

    fn row(self) -> (Self, &'static str, &'static str) {
        VERBS[self.index()]
    }

    fn index(self) -> usize {
        VERBS
            .iter()
            .position(|(verb, ..)| *verb == self)
            .unwrap_or_default()
    }
}

/// What `cargo xtask --help` prints.
pub(crate) fn help() -> String {
    let mut text = String::from("cargo xtask VERB [--help]\n\n");
    for (_, name, purpose) in VERBS {
        text.push_str(&format!("  {name:<9}{purpose}\n"));
    }
    text
}

/// The candidate with the smallest edit distance, if it is near enough to be meant.
fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let limit = (word.len() / 3).max(2);
    candidates
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= limit)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance in bytes; verbs and flags are ASCII.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.bytes().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_parses_from_its_own_name() {
        for (verb, name, _) in VERBS {
            assert_eq!(Verb::parse(name).unwrap(), verb);
            assert_eq!(verb.name(), name);
        }
    }

    #[test]
    fn a_typing_error_names_the_nearest_verb() {
        let error = Verb::parse("flors").unwrap_err().to_string();
        assert!(error.contains("cargo xtask floors"), "{error}");
    }

    #[test]
    fn a_strange_word_lists_the_verbs() {
        let error = Verb::parse("deliver-everything").unwrap_err().to_string();
        assert!(error.contains("floors, setup, test, ci"), "{error}");
    }

    #[test]
    fn an_unknown_flag_names_the_nearest() {
        let error = Verb::Bench
            .unknown_flag::<()>("--quik", &["--quick"])
            .unwrap_err();
        assert!(error.to_string().contains("`--quick`"), "{error}");
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("test", "test"), 0);
        assert_eq!(distance("tset", "test"), 2);
        assert_eq!(distance("benhc", "bench"), 2);
    }
}
