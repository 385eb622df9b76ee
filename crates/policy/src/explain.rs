//! A decision with its reasons: of every statement whether it matched, and if not, why not.

use std::fmt;

use crate::compiled::{Compiled, CompiledStatement, Miss};
use crate::condition_key::ConditionKey;
use crate::context::Request;
use crate::decision::{Decision, StatementRef};
use crate::statement::Effect;
use crate::variables::Variable;

/// A decision and how each statement took part in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The same that [`Compiled::decide`] gives.
    pub decision: Decision,
    /// Every statement, in the order of sets, documents and statements.
    pub statements: Vec<StatementReport>,
}

/// What one statement made of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementReport {
    /// Which.
    pub at: StatementRef,
    /// Its set, document, number and `Sid` in words.
    pub name: String,
    /// What it does where it matches.
    pub effect: Effect,
    /// Whether it matches.
    pub outcome: Outcome,
}

/// Whether a statement matches a request, or the first of its elements that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It matches.
    Matched {
        /// A variable without a value: what holds it counted as fitting, since it denies.
        assumed: Option<Variable>,
    },
    /// It is about other actions.
    Action,
    /// It is about other resources.
    Resource,
    /// A condition does not hold.
    Condition {
        /// The operator as written.
        operator: String,
        /// The key.
        key: ConditionKey,
        /// The values as written.
        wanted: Vec<String>,
        /// What the request has; none where it lacks the key.
        actual: Option<String>,
    },
    /// It names a variable that has no value, and so allows nothing.
    Variable(Variable),
}

impl Compiled {
    /// Decides a request and says why.
    pub fn explain(&self, request: &Request<'_>) -> Explanation {
        let statements = self.sets.iter().flat_map(|set| &set.statements);
        let mut reports: Vec<StatementReport> = statements
            .map(|statement| StatementReport {
                at: statement.at,
                name: self.describe(statement.at),
                effect: statement.effect,
                outcome: self.outcome(statement, request),
            })
            .collect();
        reports.sort_by_key(|report| report.at);
        Explanation {
            decision: self.decide(request),
            statements: reports,
        }
    }

    fn outcome(&self, statement: &CompiledStatement, request: &Request<'_>) -> Outcome {
        match statement.miss(request, &self.variables) {
            None => Outcome::Matched {
                assumed: statement.unresolved,
            },
            Some(Miss::Action) => Outcome::Action,
            Some(Miss::Resource) => Outcome::Resource,
            Some(Miss::Variable(variable)) => Outcome::Variable(variable),
            Some(Miss::Condition(check)) => Outcome::Condition {
                operator: check.operator.to_string(),
                key: check.key,
                wanted: check.written.clone(),
                actual: check
                    .key
                    .value(&request.context, &self.variables)
                    .map(|value| value.to_string()),
            },
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Matched { assumed: None } => f.write_str("matches"),
            Self::Matched {
                assumed: Some(variable),
            } => write!(f, "matches, since {variable} has no value here"),
            Self::Action => f.write_str("is about other actions"),
            Self::Resource => f.write_str("is about other resources"),
            Self::Variable(variable) => write!(f, "allows nothing: {variable} has no value here"),
            Self::Condition {
                operator,
                key,
                wanted,
                actual,
            } => {
                write!(f, "{operator} {key} {wanted:?} does not hold: ")?;
                match actual {
                    Some(actual) => write!(f, "it is {actual}"),
                    None => f.write_str("the request has none"),
                }
            }
        }
    }
}

impl fmt::Display for StatementReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.name, self.effect, self.outcome)
    }
}
