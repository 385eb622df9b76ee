//! One statement of a document, as it is read.

use std::fmt;

use crate::condition::{self, Condition};
use crate::document::limits;
use crate::error::{Fault, quote, suggestion};
use crate::json::Node;
use crate::resource::ResourcePattern;
use crate::s3_action::ActionSet;

/// What a statement does with the requests that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It allows them, where nothing denies them.
    Allow,
    /// It denies them, whatever allows them.
    Deny,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statement {
    pub(crate) sid: Option<String>,
    pub(crate) effect: Effect,
    pub(crate) actions: Actions,
    pub(crate) resources: Resources,
    pub(crate) conditions: Vec<Condition>,
}

/// `Action`, or `NotAction`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Actions {
    pub(crate) negated: bool,
    pub(crate) patterns: Vec<String>,
    pub(crate) set: ActionSet,
}

/// `Resource`, or `NotResource`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resources {
    pub(crate) negated: bool,
    pub(crate) patterns: Vec<ResourcePattern>,
}

const MEMBERS: [&str; 7] = [
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

impl Statement {
    /// Reads a statement; `variables` as its document's version has them.
    pub(crate) fn read(node: &Node, variables: bool) -> Result<Self, Fault> {
        let members = node.object("")?;
        members
            .iter()
            .try_for_each(|(name, _)| check_member(name))?;
        let find = |name: &str| {
            let member = members.iter().find(|(member, _)| member == name);
            member.map(|(_, node)| node)
        };
        Ok(Self {
            sid: find("Sid").map(read_sid).transpose()?,
            effect: read_effect(find("Effect"))?,
            actions: read_actions(either("Action", find("Action"), find("NotAction"))?)?,
            resources: read_resources(
                either("Resource", find("Resource"), find("NotResource"))?,
                variables,
            )?,
            conditions: match find("Condition") {
                Some(node) => condition::read(node, variables)?,
                None => Vec::new(),
            },
        })
    }
}

fn check_member(name: &str) -> Result<(), Fault> {
    match name {
        _ if MEMBERS.contains(&name) => Ok(()),
        "Principal" | "NotPrincipal" => Err(Fault::at(
            name,
            "does not stand in the policy of a role or session: it holds for whom it is given to; \
             take it out",
        )),
        other => Err(Fault::at(
            quote(other),
            format!("unknown member{}", suggestion(other, MEMBERS)),
        )),
    }
}

/// The `Sid` alone, for errors about the rest of its statement.
pub(crate) fn sid_of(node: &Node) -> Option<String> {
    let Node::Object(members) = node else {
        return None;
    };
    members.iter().find_map(|member| match member {
        (name, Node::Text(sid)) if name == "Sid" => Some(quote(sid)),
        _ => None,
    })
}

fn read_sid(node: &Node) -> Result<String, Fault> {
    let sid = node.text("Sid")?;
    if sid.is_empty() || sid.len() > limits::SID_BYTES || sid.chars().any(char::is_control) {
        let most = limits::SID_BYTES;
        return Err(Fault::at(
            "Sid",
            format!("must have 1 to {most} bytes of plain text"),
        ));
    }
    Ok(sid.to_owned())
}

fn read_effect(node: Option<&Node>) -> Result<Effect, Fault> {
    let missing = || Fault::at("Effect", "is missing; write \"Allow\" or \"Deny\"");
    match node.ok_or_else(missing)?.text("Effect")? {
        "Allow" => Ok(Effect::Allow),
        "Deny" => Ok(Effect::Deny),
        other => Err(Fault::at(
            "Effect",
            format!("must be \"Allow\" or \"Deny\", and is {:?}", quote(other)),
        )),
    }
}

/// The one of two members that is there: its name, whether it is the negated one, its values.
fn either<'n>(
    name: &'static str,
    plain: Option<&'n Node>,
    negated: Option<&'n Node>,
) -> Result<(String, bool, &'n [Node]), Fault> {
    let (member, is_negated, node) = match (plain, negated) {
        (Some(node), None) => (name.to_owned(), false, node),
        (None, Some(node)) => (format!("Not{name}"), true, node),
        (Some(_), Some(_)) => {
            let reason = format!("does not go together with Not{name}; take one out");
            return Err(Fault::at(name, reason));
        }
        (None, None) => return Err(Fault::at(name, "is missing")),
    };
    let values = node.one_or_more(&member, limits::VALUES)?;
    Ok((member, is_negated, values))
}

fn texts<'n>(
    member: &'n str,
    values: &'n [Node],
) -> impl Iterator<Item = Result<&'n str, Fault>> + 'n {
    values.iter().map(move |node| {
        let text = node.text(member)?;
        match text.len() <= limits::TEXT_BYTES {
            true => Ok(text),
            false => Err(Fault::at(
                member,
                format!(
                    "a text of {} bytes, the most is {}",
                    text.len(),
                    limits::TEXT_BYTES
                ),
            )),
        }
    })
}

fn read_actions((member, negated, values): (String, bool, &[Node])) -> Result<Actions, Fault> {
    let (mut patterns, mut named) = (Vec::new(), ActionSet::default());
    for text in texts(&member, values) {
        let text = text?;
        check_action(text).map_err(|reason| Fault::at(&member, reason))?;
        named = named.and_also(ActionSet::named(text));
        patterns.push(text.to_owned());
    }
    let set = if negated { named.others() } else { named };
    Ok(Actions {
        negated,
        patterns,
        set,
    })
}

fn check_action(text: &str) -> Result<(), String> {
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'?');
    let of_service = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let valid = match text.split_once(':') {
        None => text == "*",
        Some((service, name)) => {
            !service.is_empty()
                && service.bytes().all(of_service)
                && !name.is_empty()
                && name.bytes().all(of_name)
        }
    };
    match valid {
        true => Ok(()),
        false => Err(format!(
            "{:?} is not an action; write service:Name such as s3:GetObject or s3:Get*, or *",
            quote(text)
        )),
    }
}

fn read_resources(
    (member, negated, values): (String, bool, &[Node]),
    variables: bool,
) -> Result<Resources, Fault> {
    let read = |text: Result<&str, Fault>| {
        ResourcePattern::parse(text?, variables).map_err(|reason| Fault::at(&member, reason))
    };
    Ok(Resources {
        negated,
        patterns: texts(&member, values).map(read).collect::<Result<_, _>>()?,
    })
}
