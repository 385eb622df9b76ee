//! What in a document is understood, but probably not meant: findings with advice.

mod grants;
mod reach;
mod texts;

use std::fmt;

use crate::document::{Document, Version};
use crate::error::Place;
use crate::statement::{Effect, Statement};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know; often meant.
    Notice,
    /// Something does not do what it seems to.
    Warning,
    /// Somebody may reach what he should not.
    Danger,
}

/// Something in a document that is probably not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// Where.
    pub place: Place,
    /// What is found.
    pub message: String,
    /// What to do.
    pub advice: String,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Danger => "danger",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (severity, place) = (self.severity, &self.place);
        write!(f, "{severity}: {place}: {}; {}", self.message, self.advice)
    }
}

/// Looks a document over, in the order of its statements; what holds for the whole comes first.
pub fn lint(document: &Document) -> Vec<Finding> {
    let mut findings = Findings {
        document,
        at: None,
        found: Vec::new(),
    };
    version(document, &mut findings);
    grants::whole(document, &mut findings);
    for (position, statement) in document.statements.iter().enumerate() {
        findings.at = Some(position);
        texts::look(statement, &mut findings);
        reach::look(statement, &mut findings);
        grants::look(statement, &mut findings);
    }
    findings.found
}

/// What was found so far, and the statement that is looked at.
struct Findings<'d> {
    document: &'d Document,
    at: Option<usize>,
    found: Vec<Finding>,
}

impl Findings<'_> {
    fn add(
        &mut self,
        severity: Severity,
        member: impl Into<Option<String>>,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) {
        let place = self.at.map(|at| self.document.place(at));
        self.found.push(Finding {
            severity,
            place: Place {
                member: member.into(),
                ..place.unwrap_or_default()
            },
            message: message.into(),
            advice: advice.into(),
        });
    }
}

fn version(document: &Document, findings: &mut Findings<'_>) {
    if document.version == Some(Version::Current) {
        return;
    }
    let (severity, message) = match document.mentions_variables {
        true => (
            Severity::Danger,
            "\"${...}\" is no variable in this version, it stands for itself",
        ),
        false => (Severity::Notice, "this is the version without variables"),
    };
    let member = "Version".to_owned();
    findings.add(
        severity,
        member,
        message,
        "write \"Version\": \"2012-10-17\"",
    );
}

impl Statement {
    fn allows(&self) -> bool {
        self.effect == Effect::Allow
    }

    fn resource_member(&self) -> String {
        match self.resources.negated {
            true => "NotResource".to_owned(),
            false => "Resource".to_owned(),
        }
    }

    fn action_member(&self) -> String {
        match self.actions.negated {
            true => "NotAction".to_owned(),
            false => "Action".to_owned(),
        }
    }
}
