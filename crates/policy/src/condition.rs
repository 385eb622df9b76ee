//! `Condition` as a document holds it: operators, keys, and values that are read for them.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use model::Timestamp;

use crate::condition_key::ConditionKey;
use crate::document::limits;
use crate::error::{Fault, quote, suggestion};
use crate::json::{Node, join, wrong};
use crate::operator::{Family, Operator};
use crate::template::{Part, Reading, Template};

/// One operator on one key. Any of the values will do; for a negated operator none may.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    pub(crate) operator: Operator,
    pub(crate) key: ConditionKey,
    pub(crate) values: Values,
    /// The values as written, for reports.
    pub(crate) written: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    Text(Vec<Template>),
    Arn(Vec<ArnTemplate>),
    Address(Vec<IpNet>),
    Number(Vec<f64>),
    Date(Vec<Timestamp>),
    Bool(Vec<bool>),
}

/// The six fields of an ARN: a wildcard in one does not reach over its colon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ArnTemplate(pub(crate) Vec<Template>);

impl Condition {
    /// Whether `*` and `?` are signs in its values.
    pub(crate) fn has_wildcards(&self) -> bool {
        matches!(self.operator.family, Family::TextLike | Family::Arn)
    }
}

/// Reads the whole block.
pub(crate) fn read(node: &Node, variables: bool) -> Result<Vec<Condition>, Fault> {
    let mut conditions = Vec::new();
    let operators = node.object("Condition")?;
    if operators.is_empty() {
        return Err(Fault::at("Condition", "is empty; take it out"));
    }
    for (word, keys) in operators {
        let member = join("Condition", word);
        let operator = Operator::parse(word).map_err(|reason| Fault::at(&member, reason))?;
        let keys = keys.object(&member)?;
        if keys.is_empty() {
            return Err(Fault::at(member, "names no key; take it out"));
        }
        let before = conditions.len();
        for (name, values) in keys {
            let member = join(&member, name);
            let condition = one(operator, name, values, variables, &member)?;
            let twice = |earlier: &Condition| earlier.key == condition.key;
            if conditions.iter().skip(before).any(twice) {
                let reason = "the same key stands there in another case";
                return Err(Fault::at(member, reason));
            }
            conditions.push(condition);
        }
    }
    Ok(conditions)
}

fn one(
    operator: Operator,
    name: &str,
    values: &Node,
    variables: bool,
    member: &str,
) -> Result<Condition, Fault> {
    let key = ConditionKey::parse(name).ok_or_else(|| unknown_key(name, member))?;
    let refuse = |reason| Fault::at(member, reason);
    operator.family.check_key(key).map_err(refuse)?;
    let nodes = values.one_or_more(member, limits::VALUES)?;
    let mut written = Vec::with_capacity(nodes.len());
    for node in nodes {
        written.push(match node {
            Node::Text(text) | Node::Number(text) => text.clone(),
            Node::Bool(value) => value.to_string(),
            other => return Err(wrong(member, "a string, or a list of strings", other)),
        });
    }
    let values = read_values(operator.family, &written, variables).map_err(refuse)?;
    Ok(Condition {
        operator,
        key,
        values,
        written,
    })
}

fn unknown_key(name: &str, member: &str) -> Fault {
    let known: Vec<&str> = ConditionKey::ALL
        .into_iter()
        .map(ConditionKey::as_str)
        .collect();
    let suggestion = suggestion(name, known.iter().copied());
    let known = known.join(", ");
    Fault::at(
        member,
        format!("unknown condition key{suggestion}; known are {known}"),
    )
}

fn read_values(family: Family, written: &[String], variables: bool) -> Result<Values, String> {
    if let Some(text) = written.iter().find(|text| text.len() > limits::TEXT_BYTES) {
        let (length, most) = (text.len(), limits::TEXT_BYTES);
        return Err(format!("a value of {length} bytes, the most is {most}"));
    }
    let has_variable = |text: &&String| variables && text.contains("${");
    if let Some(text) = written.iter().find(has_variable)
        && !family.has_variables()
    {
        return Err(format!(
            "{:?}: variables go with String and Arn operators only",
            quote(text)
        ));
    }
    let reading = Reading {
        variables,
        wildcards: matches!(family, Family::TextLike | Family::Arn),
    };
    let template = |text: &str| Template::parse(text, reading);
    Ok(match family {
        Family::Text | Family::TextIgnoringCase | Family::TextLike => {
            Values::Text(each(written, template)?)
        }
        Family::Arn => Values::Arn(each(written, |text| arn(text, template(text)?))?),
        Family::Address => Values::Address(each(written, network)?),
        Family::Number(_) => Values::Number(each(written, number)?),
        Family::Date(_) => Values::Date(each(written, date)?),
        Family::Bool | Family::Null => Values::Bool(each(written, boolean)?),
    })
}

fn each<T>(written: &[String], read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    written.iter().map(|text| read(text)).collect()
}

fn network(text: &str) -> Result<IpNet, String> {
    let net = match text.parse::<IpAddr>() {
        Ok(address) => Ok(IpNet::from(address)),
        Err(_) => text.parse::<IpNet>(),
    };
    let net = net.map_err(|_| {
        let text = quote(text);
        format!("{text:?} is no address and no network; write 203.0.113.7 or 203.0.113.0/24")
    })?;
    Ok(undressed(net))
}

/// A network within `::ffff:0:0/96` is one of IPv4: requests' addresses are brought into that form.
fn undressed(net: IpNet) -> IpNet {
    let IpNet::V6(six) = net else { return net };
    let (four, length) = (
        six.addr().to_ipv4_mapped(),
        six.prefix_len().checked_sub(96),
    );
    match (four, length) {
        (Some(four), Some(length)) => Ipv4Net::new(four, length).map_or(net, IpNet::V4),
        _ => net,
    }
}

fn number(text: &str) -> Result<f64, String> {
    let read = text.parse::<f64>().ok().filter(|number| number.is_finite());
    let plain = |text: &str| !text.contains(|c: char| c.is_alphabetic() && !matches!(c, 'e' | 'E'));
    read.filter(|_| plain(text))
        .ok_or_else(|| format!("{:?} is not a number", quote(text)))
}

fn date(text: &str) -> Result<Timestamp, String> {
    crate::date::parse(text).ok_or_else(|| {
        format!(
            "{:?} is not a date; write 2026-11-21T13:05:00Z, 2026-11-21 (its first instant in \
             UTC) or seconds since 1970",
            quote(text)
        )
    })
}

fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        other => Err(format!("{:?} is neither true nor false", quote(other))),
    }
}

fn arn(text: &str, template: Template) -> Result<ArnTemplate, String> {
    let mut fields = vec![Template::default()];
    for part in template.0 {
        let Part::Text(written) = part else {
            fields
                .last_mut()
                .into_iter()
                .for_each(|last| last.0.push(part.clone()));
            continue;
        };
        for (position, piece) in written.splitn(7 - fields.len().min(6), ':').enumerate() {
            if position > 0 {
                fields.push(Template::default());
            }
            if let (Some(last), false) = (fields.last_mut(), piece.is_empty()) {
                last.0.push(Part::Text(piece.to_owned()));
            }
        }
    }
    let everything = matches!(fields.as_slice(), [only] if only.0 == [Part::Any]);
    match fields.len() == 6 || everything {
        true => Ok(ArnTemplate(fields)),
        false => Err(format!(
            "{:?} is not an ARN; it has six fields: arn:partition:service:region:account:resource",
            quote(text)
        )),
    }
}
