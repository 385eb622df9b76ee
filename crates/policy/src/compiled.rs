//! Policy of a principal, with his values in the place of variables: the evaluator.

use crate::check::Check;
use crate::context::Request;
use crate::decision::{Decision, Denial, StatementRef};
use crate::document::{Document, limits};
use crate::error::{Error, Place, Result};
use crate::resource::Filled;
use crate::s3_action::ActionSet;
use crate::statement::{Effect, Statement};
use crate::variables::{Variable, Variables};

/// The documents of one origin, such as a role: together they allow what any of them allows.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicySet {
    pub(crate) name: String,
    pub(crate) documents: Vec<Document>,
}

impl PolicySet {
    /// A set; `name` is what reports call it. One without documents allows nothing.
    ///
    /// # Errors
    /// Where it has more than [`limits::DOCUMENTS`] documents.
    pub fn new(name: &str, documents: Vec<Document>) -> Result<Self> {
        if documents.len() > limits::DOCUMENTS {
            let (count, most) = (documents.len(), limits::DOCUMENTS);
            let reason = format!("{count} documents, the most is {most}");
            return Err(Error::new(name, Place::default(), reason));
        }
        Ok(Self {
            name: name.to_owned(),
            documents,
        })
    }
}

/// Fills in a principal's variables. What every set allows and no statement denies will be
/// allowed; without any set, nothing.
pub fn compile(sets: &[PolicySet], variables: &Variables) -> Compiled {
    let sets = sets.iter().enumerate().map(|(position, set)| CompiledSet {
        name: set.name.clone(),
        documents: set.documents.iter().map(|d| d.name.clone()).collect(),
        statements: compile_set(position, set, variables),
    });
    Compiled {
        sets: sets.collect(),
        variables: variables.clone(),
    }
}

/// Policy that answers requests. Cheap to ask, and the same question has the same answer.
#[derive(Debug, Clone)]
pub struct Compiled {
    pub(crate) sets: Vec<CompiledSet>,
    pub(crate) variables: Variables,
}

#[derive(Debug, Clone)]
pub(crate) struct CompiledSet {
    name: String,
    documents: Vec<String>,
    /// Those that deny first.
    pub(crate) statements: Vec<CompiledStatement>,
}

#[derive(Debug, Clone)]
pub(crate) struct CompiledStatement {
    pub(crate) at: StatementRef,
    pub(crate) sid: Option<String>,
    pub(crate) effect: Effect,
    actions: ActionSet,
    not_resource: bool,
    resources: Vec<Filled>,
    checks: Vec<Check>,
    /// A variable in it that has no value.
    pub(crate) unresolved: Option<Variable>,
}

/// The first element of a statement that a request does not fit.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Miss<'s> {
    Action,
    Resource,
    Condition(&'s Check),
    Variable(Variable),
}

impl Compiled {
    /// Decides a request: an explicit denial wins, then every set must allow.
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        let mut by = Vec::with_capacity(self.sets.len());
        let mut silent = self.sets.is_empty().then_some(None);
        for (position, set) in self.sets.iter().enumerate() {
            match set.first(request, &self.variables) {
                Some(statement) if statement.effect == Effect::Deny => {
                    return Decision::Denied {
                        denial: Denial::Explicit,
                        by: Some(statement.at),
                    };
                }
                Some(statement) => by.push(statement.at),
                None => silent = silent.or(Some(Some(position))),
            }
        }
        match silent {
            Some(set) => Decision::Denied {
                denial: Denial::Implicit { set },
                by: None,
            },
            None => Decision::Allowed { by },
        }
    }

    /// A statement in words: `role "uploads", policy "list", statement 2 ("Home")`.
    pub fn describe(&self, at: StatementRef) -> String {
        let Some(set) = self.sets.get(at.set) else {
            return format!("statement {}", at.statement + 1);
        };
        let document = set.documents.get(at.document).map_or("", String::as_str);
        let found = set.statements.iter().find(|statement| statement.at == at);
        let sid = match found.and_then(|statement| statement.sid.as_ref()) {
            Some(sid) => format!(" ({sid:?})"),
            None => String::new(),
        };
        let number = at.statement + 1;
        format!("{}, policy {document:?}, statement {number}{sid}", set.name)
    }

    /// What reports call a set.
    pub fn set_name(&self, set: usize) -> Option<&str> {
        self.sets.get(set).map(|set| set.name.as_str())
    }
}

impl CompiledSet {
    /// The first statement that matches: one that denies, if there is one.
    fn first(&self, request: &Request<'_>, variables: &Variables) -> Option<&CompiledStatement> {
        let matches = |statement: &&CompiledStatement| statement.miss(request, variables).is_none();
        self.statements.iter().find(matches)
    }
}

fn compile_set(set: usize, policies: &PolicySet, variables: &Variables) -> Vec<CompiledStatement> {
    let mut compiled = Vec::new();
    for (document, policy) in policies.documents.iter().enumerate() {
        for (statement, written) in policy.statements.iter().enumerate() {
            let at = StatementRef {
                set,
                document,
                statement,
            };
            compiled.push(CompiledStatement::new(at, written, variables));
        }
    }
    compiled.sort_by_key(|statement| statement.effect == Effect::Allow);
    compiled
}

impl CompiledStatement {
    fn new(at: StatementRef, statement: &Statement, variables: &Variables) -> Self {
        let resources = statement.resources.patterns.iter();
        let resources: Vec<Filled> = resources.map(|pattern| pattern.fill(variables)).collect();
        let conditions = statement.conditions.iter();
        let checks: Vec<Check> = conditions.map(|c| Check::new(c, variables)).collect();
        let in_resources = resources.iter().find_map(|resource| match resource {
            Filled::Unresolved(variable) => Some(*variable),
            _ => None,
        });
        Self {
            at,
            sid: statement.sid.clone(),
            effect: statement.effect,
            actions: statement.actions.set,
            not_resource: statement.resources.negated,
            unresolved: in_resources.or_else(|| checks.iter().find_map(Check::unresolved)),
            resources,
            checks,
        }
    }

    /// What a request does not fit; nothing where the statement matches it.
    ///
    /// A variable without a value fails closed: it keeps a statement from allowing anything, and
    /// in one that denies, the element that holds it counts as fitting.
    pub(crate) fn miss(&self, request: &Request<'_>, variables: &Variables) -> Option<Miss<'_>> {
        if !self.actions.holds(request.action) {
            return Some(Miss::Action);
        }
        if let (Effect::Allow, Some(variable)) = (self.effect, self.unresolved) {
            return Some(Miss::Variable(variable));
        }
        if !self.fits_resource(request) {
            return Some(Miss::Resource);
        }
        let fails = |check: &&Check| {
            check.unresolved().is_none() && !check.passes(&request.context, variables)
        };
        self.checks.iter().find(fails).map(Miss::Condition)
    }

    fn fits_resource(&self, request: &Request<'_>) -> bool {
        let unresolved = |resource: &Filled| matches!(resource, Filled::Unresolved(_));
        if self.unresolved.is_some() && self.resources.iter().any(unresolved) {
            return true;
        }
        let named = self.resources.iter().any(|r| r.names(request.resource));
        named != self.not_resource
    }
}
