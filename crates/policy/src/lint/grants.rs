//! Findings about how much is allowed, and what is missing beside it.

use super::{Findings, Severity};
use crate::document::Document;
use crate::resource::{Names, ResourcePattern};
use crate::statement::Statement;
use crate::template::Part;
use crate::{ConditionKey, S3Action};

/// What only the whole document shows.
pub(super) fn whole(document: &Document, findings: &mut Findings<'_>) {
    let allowed = |action: S3Action| {
        let mut statements = document.statements.iter();
        statements.any(|statement| statement.allows() && statement.actions.set.holds(action))
    };
    let any = S3Action::ALL.iter().any(|action| allowed(*action));
    if !any {
        findings.add(
            Severity::Notice,
            None,
            "the document allows nothing",
            "that is right only beside other documents of the same role",
        );
    } else if allowed(S3Action::GetObject) && !allowed(S3Action::ListBucket) {
        findings.add(
            Severity::Notice,
            None,
            "files may be read (s3:GetObject) but not listed (s3:ListBucket)",
            "most clients list before they read: allow s3:ListBucket under the same prefix",
        );
    } else if allowed(S3Action::PutObject) && !allowed(S3Action::ListBucket) {
        findings.add(
            Severity::Notice,
            None,
            "files may be written (s3:PutObject) but not looked at (s3:ListBucket)",
            "most clients look at the target first: allow s3:ListBucket under the same prefix",
        );
    }
}

/// What a single statement allows.
pub(super) fn look(statement: &Statement, findings: &mut Findings<'_>) {
    if !statement.allows() || statement.actions.set.is_empty() {
        return;
    }
    negations(statement, findings);
    neighbours(statement, findings);
    let set = statement.actions.set;
    let open = |pattern: &ResourcePattern| is_everything(pattern);
    let everywhere = statement.resources.patterns.iter().any(open) && !statement.resources.negated;
    if everywhere && set.any(S3Action::is_of_objects) {
        let (severity, bounded) = match statement.conditions.is_empty() {
            true => (Severity::Danger, "every object in every bucket"),
            false => (
                Severity::Warning,
                "every object in every bucket, on a condition",
            ),
        };
        findings.add(
            severity,
            statement.resource_member(),
            format!("it allows {} on {bounded}", named(statement)),
            "name the folder: arn:aws:s3:::${transfer:HomeDirectory}/*",
        );
    }
    let on_prefix = |condition: &crate::condition::Condition| condition.key == ConditionKey::Prefix;
    if set.holds(S3Action::ListBucket) && !statement.conditions.iter().any(on_prefix) {
        findings.add(
            Severity::Warning,
            None,
            "it allows listing without bound: every name in the bucket is visible",
            "add a condition StringLike on s3:prefix: [\"${transfer:HomeFolder}\", \
             \"${transfer:HomeFolder}/*\"]",
        );
    }
}

fn negations(statement: &Statement, findings: &mut Findings<'_>) {
    if statement.actions.negated {
        findings.add(
            Severity::Warning,
            statement.action_member(),
            "NotAction with Allow allows every other action, those of later versions too",
            "name the actions that are meant",
        );
    }
    if statement.resources.negated {
        findings.add(
            Severity::Danger,
            statement.resource_member(),
            "NotResource with Allow allows every other object in every bucket",
            "name the resources that are meant, and deny the exceptions",
        );
    }
}

/// `arn:aws:s3:::uploads*` names the bucket `uploads2` too.
fn neighbours(statement: &Statement, findings: &mut Findings<'_>) {
    if statement.resources.negated {
        return;
    }
    for pattern in &statement.resources.patterns {
        let Names::Paths(path) = &pattern.names else {
            continue;
        };
        if let [Part::Text(bucket), Part::Any, ..] = path.0.as_slice()
            && !bucket.contains('/')
        {
            let bucket = crate::error::quote(bucket);
            findings.add(
                Severity::Warning,
                statement.resource_member(),
                format!("it reaches every bucket whose name begins with {bucket:?}"),
                format!("write arn:aws:s3:::{bucket} and arn:aws:s3:::{bucket}/*"),
            );
        }
    }
}

fn is_everything(pattern: &ResourcePattern) -> bool {
    match &pattern.names {
        Names::Everything => true,
        Names::Nothing => false,
        Names::Paths(path) => {
            let wild = |part: &Part| match part {
                Part::Any => true,
                Part::Text(text) => text == "/",
                _ => false,
            };
            path.0.iter().all(wild) && path.0.contains(&Part::Any)
        }
    }
}

fn named(statement: &Statement) -> String {
    match statement.actions.negated {
        true => "all but a few actions".to_owned(),
        false => crate::error::quote(&statement.actions.patterns.join(", ")),
    }
}
