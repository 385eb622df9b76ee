//! What a move did, or would do: for the person who runs it. Never a secret.

use std::fmt;

use serde::Serialize;

use super::finding::{Finding, Weight};
use super::plan::Plan;

/// A report. It prints as lines for people; as JSON it has the same in fields.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Where users came from.
    pub source: &'static str,
    /// Whether nothing was to be changed.
    pub dry_run: bool,
    /// Whether nothing was changed for its faults.
    pub blocked: bool,
    /// The names of users who are new.
    pub created: Vec<String>,
    /// Users who are others than before, and in what.
    pub changed: Vec<Changed>,
    /// How many users are as they were.
    pub unchanged: usize,
    /// Groups that were made.
    pub groups: Vec<String>,
    /// Roles that were made.
    pub roles: Vec<String>,
    /// Policies that were made.
    pub policies: Vec<String>,
    /// Who and what stayed behind, and what else is to be known.
    pub findings: Vec<Finding>,
}

/// A user who changed.
#[derive(Debug, Clone, Serialize)]
pub struct Changed {
    /// His name.
    pub name: String,
    /// What changed of him: `password`, `keys`, `home`.
    pub what: Vec<&'static str>,
}

impl Report {
    /// What a plan does.
    pub fn of(plan: &Plan, dry_run: bool) -> Self {
        let (new, old): (Vec<_>, Vec<_>) = plan.steps.iter().partition(|step| step.is_new);
        let changed = old.into_iter().map(|step| Changed {
            name: step.user.name.to_string(),
            what: step.changes.clone(),
        });
        Self {
            source: plan.source,
            dry_run,
            blocked: false,
            created: new.iter().map(|step| step.user.name.to_string()).collect(),
            changed: changed.collect(),
            unchanged: plan.unchanged,
            groups: plan.groups.iter().map(|group| group.name.clone()).collect(),
            roles: plan.roles.iter().map(|role| role.name.clone()).collect(),
            policies: plan.policies.iter().map(|it| it.name.clone()).collect(),
            findings: plan.findings.clone(),
        }
    }

    /// The same, of a plan that was not carried out for its faults.
    #[must_use]
    pub fn blocked(self) -> Self {
        Self {
            blocked: true,
            ..self
        }
    }

    fn weighing(&self, weight: Weight) -> impl Iterator<Item = &Finding> {
        let all = self.findings.iter();
        all.filter(move |finding| finding.weight == weight)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (word, names) in [
            ("group", &self.groups),
            ("policy", &self.policies),
            ("role", &self.roles),
            ("user", &self.created),
        ] {
            for name in names {
                writeln!(f, "created  {word} {}", printable(name))?;
            }
        }
        for Changed { name, what } in &self.changed {
            let what = match what.is_empty() {
                true => "where he came from".to_owned(),
                false => what.join(", "),
            };
            writeln!(f, "changed  user {}: {what}", printable(name))?;
        }
        for (word, weight) in [
            ("note    ", Weight::Note),
            ("skipped ", Weight::Skipped),
            ("fault   ", Weight::Fault),
        ] {
            for finding in self.weighing(weight) {
                let (about, what) = (printable(&finding.about), printable(&finding.what));
                writeln!(f, "{word} {about}: {what}")?;
            }
        }
        let skipped = self.weighing(Weight::Skipped).count();
        let faults = self.weighing(Weight::Fault).count();
        let (created, changed) = (self.created.len(), self.changed.len());
        write!(
            f,
            "{}: {created} created, {changed} changed, {} unchanged, {skipped} skipped, {faults} faults",
            self.source, self.unchanged
        )?;
        match (self.dry_run, self.blocked) {
            (true, _) => write!(f, " (dry run: nothing was changed)"),
            (false, true) => write!(f, " (nothing was changed)"),
            (false, false) => Ok(()),
        }
    }
}

/// A text on one line, with nothing in it that a terminal would obey: names are the source's.
fn printable(text: &str) -> String {
    let shown = text.chars().map(|c| if c.is_control() { '?' } else { c });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_source_move_no_cursor_and_make_no_lines() {
        let report = Report {
            source: "csv",
            dry_run: false,
            blocked: false,
            created: Vec::new(),
            changed: Vec::new(),
            unchanged: 0,
            groups: vec!["a\u{1b}[2J\ncreated  user eve".to_owned()],
            roles: Vec::new(),
            policies: Vec::new(),
            findings: vec![Finding::note("b\r", "c\u{9b}")],
        };
        let told = report.to_string();
        assert_eq!(told.lines().count(), 3, "{told:?}");
        assert!(
            told.contains("created  group a?[2J?created  user eve\n"),
            "{told:?}"
        );
        assert!(told.contains("note     b?: c?\n"), "{told:?}");
    }
}
