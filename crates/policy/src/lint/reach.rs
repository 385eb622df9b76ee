//! Findings about statements that cannot match, or whose conditions cannot hold.

use super::texts::member_of;
use super::{Findings, Severity};
use crate::condition::Condition;
use crate::operator::{Family, Qualifier};
use crate::resource::{Names, ResourcePattern};
use crate::statement::Statement;
use crate::template::Part;
use crate::{ConditionKey, S3Action};

pub(super) fn look(statement: &Statement, findings: &mut Findings<'_>) {
    if statement.actions.set.is_empty() {
        findings.add(
            Severity::Notice,
            statement.action_member(),
            "the statement matches nothing here: none of its actions is ever asked for",
            "it may stand for other services",
        );
        return;
    }
    kinds(statement, findings);
    for condition in &statement.conditions {
        missing_key(statement, condition, findings);
        of_no_values(statement, condition, findings);
    }
}

/// Object actions on bucket ARNs alone, and the reverse.
fn kinds(statement: &Statement, findings: &mut Findings<'_>) {
    if statement.resources.negated {
        return;
    }
    let patterns = &statement.resources.patterns;
    let set = statement.actions.set;
    let member = statement.resource_member();
    if patterns
        .iter()
        .all(|pattern| pattern.names == Names::Nothing)
    {
        findings.add(
            Severity::Warning,
            member,
            "the statement matches nothing here: it names no bucket and no object",
            "name arn:aws:s3:::bucket or arn:aws:s3:::bucket/*",
        );
    } else if set.any(S3Action::is_of_objects) && !patterns.iter().any(may_be_object) {
        findings.add(
            Severity::Warning,
            member,
            "its actions on objects match nothing: only buckets are named",
            "add arn:aws:s3:::bucket/* for the objects in it",
        );
    } else if set.any(|action| !action.is_of_objects()) && !patterns.iter().any(may_be_bucket) {
        findings.add(
            Severity::Warning,
            member,
            "its actions on buckets match nothing: only objects are named",
            "add arn:aws:s3:::bucket, and bound listings by a condition on s3:prefix",
        );
    }
}

fn may_be_object(pattern: &ResourcePattern) -> bool {
    let long = |part: &Part| match part {
        Part::Text(text) => text.contains('/'),
        Part::One => false,
        Part::Any | Part::Variable(..) => true,
    };
    match &pattern.names {
        Names::Everything => true,
        Names::Paths(path) => path.0.iter().any(long),
        Names::Nothing => false,
    }
}

fn may_be_bucket(pattern: &ResourcePattern) -> bool {
    let slash = |part: &Part| matches!(part, Part::Text(text) if text.contains('/'));
    match &pattern.names {
        Names::Everything => true,
        Names::Paths(path) => !path.0.iter().any(slash),
        Names::Nothing => false,
    }
}

fn missing_key(statement: &Statement, condition: &Condition, findings: &mut Findings<'_>) {
    let operator = condition.operator;
    let set = statement.actions.set;
    if operator.without_key() || operator.family == Family::Null {
        return;
    }
    let (has_it, whose) = match condition.key {
        key if key.is_of_listings() => (
            set.holds(S3Action::ListBucket),
            "requests of s3:ListBucket alone have it",
        ),
        ConditionKey::Encryption | ConditionKey::KmsKey => (
            set.holds(S3Action::PutObject),
            "requests of s3:PutObject alone have it, where the store encrypts",
        ),
        _ => return,
    };
    if !has_it {
        findings.add(
            Severity::Warning,
            member_of(condition),
            format!("the condition never holds: {whose}"),
            "move it to a statement about these requests",
        );
    }
}

fn of_no_values(statement: &Statement, condition: &Condition, findings: &mut Findings<'_>) {
    let Some(qualifier) = condition.operator.qualifier else {
        return;
    };
    let member = member_of(condition);
    if statement.allows() && qualifier == Qualifier::All {
        findings.add(
            Severity::Warning,
            member,
            "ForAllValues holds where the request has no such key",
            "no key here has several values: take ForAllValues: away",
        );
    } else if condition.operator.if_exists {
        findings.add(
            Severity::Notice,
            member,
            "IfExists changes nothing behind ForAnyValue and ForAllValues",
            "take one of the two away",
        );
    }
}
