//! Findings about single texts: homes and user names that wildcards follow, words that name nothing.

use super::{Findings, Severity};
use crate::condition::{Condition, Values};
use crate::error::{quote, suggestion};
use crate::resource::{Names, ResourcePattern};
use crate::s3_action::{ActionSet, S3Action};
use crate::statement::Statement;
use crate::template::{Part, Template};
use crate::variables::Variable;

pub(super) fn look(statement: &Statement, findings: &mut Findings<'_>) {
    actions(statement, findings);
    let member = statement.resource_member();
    for pattern in &statement.resources.patterns {
        resource(pattern, &member, findings);
    }
    for condition in &statement.conditions {
        if let Values::Text(texts) = &condition.values {
            let member = member_of(condition);
            texts
                .iter()
                .for_each(|text| template(text, &member, findings));
        }
    }
}

pub(super) fn member_of(condition: &Condition) -> String {
    format!("Condition.{}.{}", condition.operator, condition.key)
}

fn actions(statement: &Statement, findings: &mut Findings<'_>) {
    for pattern in &statement.actions.patterns {
        let service = pattern.split_once(':').map(|(service, _)| service);
        let of_s3 = service.is_some_and(|service| service.eq_ignore_ascii_case("s3"));
        if of_s3 && ActionSet::named(pattern).is_empty() {
            let known = S3Action::ALL.iter().map(|action| action.as_str());
            let near = suggestion(pattern, known);
            findings.add(
                Severity::Notice,
                statement.action_member(),
                format!("{:?} is never asked for here{near}", quote(pattern)),
                "check its spelling; it may stand",
            );
        }
    }
}

fn resource(pattern: &ResourcePattern, member: &str, findings: &mut Findings<'_>) {
    match &pattern.names {
        Names::Paths(path) => template(path, member, findings),
        Names::Everything => {}
        Names::Nothing => findings.add(
            Severity::Notice,
            member.to_owned(),
            format!(
                "{:?} is neither a bucket nor an object",
                quote(&pattern.source)
            ),
            "it matches nothing here; a bucket's ARN has neither region nor account",
        ),
    }
}

fn template(template: &Template, member: &str, findings: &mut Findings<'_>) {
    for pair in template.0.windows(2) {
        let [Part::Variable(variable, _), next] = pair else {
            continue;
        };
        let source = quote(&template.source());
        let user = matches!(variable, Variable::UserName | Variable::AwsUserName);
        match next {
            Part::Any | Part::One if variable.is_home() => findings.add(
                Severity::Warning,
                member.to_owned(),
                format!("{source:?} would reach neighbours whose names begin like this one"),
                format!("it is read as a folder here, and not elsewhere; write {variable}/*"),
            ),
            Part::Any | Part::One if user => findings.add(
                Severity::Danger,
                member.to_owned(),
                format!("{source:?} reaches users whose names begin like this one"),
                format!("write {variable}/*, or a sign that no user name has before the wildcard"),
            ),
            Part::Text(text) if variable.is_home() && !text.starts_with('/') => findings.add(
                Severity::Warning,
                member.to_owned(),
                format!("{source:?} goes on beside the home"),
                format!("write {variable}/ and what is below it"),
            ),
            _ => {}
        }
    }
}
