//! A condition with values in the place of variables, and how a request passes it.

use std::net::IpAddr;

use ipnet::IpNet;
use model::Timestamp;

use crate::condition::{ArnTemplate, Condition, Values};
use crate::condition_key::{ConditionKey, Value};
use crate::context::Context;
use crate::glob::Glob;
use crate::operator::{Family, Operator, Order};
use crate::variables::{Variable, Variables};

/// One operator on one key, ready to be asked.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) operator: Operator,
    pub(crate) key: ConditionKey,
    pub(crate) written: Vec<String>,
    wanted: Wanted,
}

#[derive(Debug, Clone)]
enum Wanted {
    Exactly(Vec<String>),
    /// In lower case.
    IgnoringCase(Vec<String>),
    Like(Vec<Glob>),
    Arn(Vec<Vec<Glob>>),
    Within(Vec<IpNet>),
    Numbers(Order, Vec<f64>),
    Dates(Order, Vec<Timestamp>),
    Bools(Vec<bool>),
    Absent(Vec<bool>),
    Unresolved(Variable),
}

impl Check {
    pub(crate) fn new(condition: &Condition, variables: &Variables) -> Self {
        Self {
            operator: condition.operator,
            key: condition.key,
            written: condition.written.clone(),
            wanted: wanted(condition, variables).unwrap_or_else(Wanted::Unresolved),
        }
    }

    /// The variable in it that has no value.
    pub(crate) fn unresolved(&self) -> Option<Variable> {
        match &self.wanted {
            Wanted::Unresolved(variable) => Some(*variable),
            _ => None,
        }
    }

    /// Whether a request passes.
    pub(crate) fn passes(&self, context: &Context<'_>, variables: &Variables) -> bool {
        let value = self.key.value(context, variables);
        if let Wanted::Absent(wanted) = &self.wanted {
            return wanted.contains(&value.is_none());
        }
        match value {
            None => self.operator.without_key(),
            Some(value) => self.wanted.any(value) != self.operator.negated,
        }
    }
}

fn wanted(condition: &Condition, variables: &Variables) -> Result<Wanted, Variable> {
    let family = condition.operator.family;
    Ok(match (&condition.values, family) {
        (Values::Text(texts), Family::TextLike) => {
            let glob = |text: &crate::template::Template| text.fill(variables).map(Glob::new);
            Wanted::Like(texts.iter().map(glob).collect::<Result<_, _>>()?)
        }
        (Values::Text(texts), _) => {
            let filled = texts.iter().map(|text| text.fill_text(variables));
            let filled = filled.collect::<Result<Vec<_>, _>>()?;
            match family {
                Family::TextIgnoringCase => {
                    Wanted::IgnoringCase(filled.iter().map(|text| text.to_lowercase()).collect())
                }
                _ => Wanted::Exactly(filled),
            }
        }
        (Values::Arn(arns), _) => {
            let filled = arns.iter().map(|arn| fill_arn(arn, variables));
            Wanted::Arn(filled.collect::<Result<_, _>>()?)
        }
        (Values::Address(nets), _) => Wanted::Within(nets.clone()),
        (Values::Number(numbers), Family::Number(order)) => Wanted::Numbers(order, numbers.clone()),
        (Values::Number(numbers), _) => Wanted::Numbers(Order::Equal, numbers.clone()),
        (Values::Date(dates), Family::Date(order)) => Wanted::Dates(order, dates.clone()),
        (Values::Date(dates), _) => Wanted::Dates(Order::Equal, dates.clone()),
        (Values::Bool(values), Family::Null) => Wanted::Absent(values.clone()),
        (Values::Bool(values), _) => Wanted::Bools(values.clone()),
    })
}

fn fill_arn(arn: &ArnTemplate, variables: &Variables) -> Result<Vec<Glob>, Variable> {
    let fields = arn.0.iter().map(|field| field.fill(variables));
    fields.map(|tokens| tokens.map(Glob::new)).collect()
}

impl Wanted {
    /// Whether any of the wanted values fits.
    fn any(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Self::Exactly(texts), Value::Text(actual)) => texts.iter().any(|text| text == actual),
            (Self::IgnoringCase(texts), Value::Text(actual)) => {
                let actual = actual.to_lowercase();
                texts.contains(&actual)
            }
            (Self::Like(globs), Value::Text(actual)) => globs.iter().any(|g| g.matches(actual)),
            (Self::Arn(arns), Value::Text(actual)) => arns.iter().any(|arn| is_arn(arn, actual)),
            (Self::Within(nets), Value::Address(actual)) => within(nets, actual),
            (Self::Numbers(order, numbers), value) => {
                let actual = as_number(value);
                actual.is_some_and(|actual| numbers.iter().any(|n| order.holds(&actual, n)))
            }
            (Self::Dates(order, dates), Value::Time(actual)) => {
                dates.iter().any(|date| order.holds(&actual, date))
            }
            (Self::Bools(wanted), Value::Bool(actual)) => wanted.contains(&actual),
            // Keys and operators were matched when the document was read.
            _ => false,
        }
    }
}

fn is_arn(fields: &[Glob], actual: &str) -> bool {
    if let [everything] = fields {
        return everything.matches(actual);
    }
    let mut actual = actual.splitn(6, ':');
    let fits = fields
        .iter()
        .all(|field| actual.next().is_some_and(|text| field.matches(text)));
    fits && actual.next().is_none()
}

fn within(nets: &[IpNet], address: IpAddr) -> bool {
    nets.iter().any(|net| net.contains(&address))
}

fn as_number(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Number(number) => Some(number),
        // Seconds stay exact in a double for 285 million years.
        #[expect(clippy::cast_precision_loss, reason = "see above")]
        Value::Time(time) => Some(time.as_seconds() as f64),
        _ => None,
    }
}
