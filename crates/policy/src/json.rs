//! JSON as it was written: members in order, and twice where they came twice.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::error::Fault;

/// A value. Numbers keep their text, for they become conditions' values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    /// Reads one document, to its end.
    pub(crate) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// "a string", for errors.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    pub(crate) fn text(&self, member: &str) -> Result<&str, Fault> {
        match self {
            Self::Text(text) => Ok(text),
            other => Err(wrong(member, "a string", other)),
        }
    }

    /// The members of an object, each there once.
    pub(crate) fn object(&self, member: &str) -> Result<&[(String, Node)], Fault> {
        let Self::Object(members) = self else {
            return Err(wrong(member, "an object", self));
        };
        let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair.first() == pair.last()) {
            Some(pair) => Err(Fault::at(
                join(member, pair.first().copied().unwrap_or_default()),
                "stands there twice, and only one of them would count",
            )),
            None => Ok(members),
        }
    }

    /// One value, or the values of a list that is not empty.
    pub(crate) fn one_or_more(&self, member: &str, most: usize) -> Result<&[Node], Fault> {
        match self {
            Self::List(list) if list.is_empty() => Err(Fault::at(
                member,
                "an empty list; name at least one, or take the statement out",
            )),
            Self::List(list) if list.len() > most => Err(Fault::at(
                member,
                format!("{} values, the most is {most}", list.len()),
            )),
            Self::List(list) => Ok(list),
            one => Ok(std::slice::from_ref(one)),
        }
    }
}

pub(crate) fn wrong(member: &str, wanted: &str, found: &Node) -> Fault {
    let reason = format!("must be {wanted}, and is {}", found.kind());
    match member {
        "" => Fault::whole(reason),
        member => Fault::at(member, reason),
    }
}

/// `outer.inner`.
pub(crate) fn join(outer: &str, inner: &str) -> String {
    let inner = crate::error::quote(inner);
    match outer {
        "" => inner,
        outer => format!("{outer}.{inner}"),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = access.next_element()? {
            list.push(node);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_entry()? {
            members.push(member);
        }
        Ok(Node::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_come_twice_are_refused_by_name() {
        let node = Node::parse(r#"{"a": 1, "b": {"c": 1, "c": 2}}"#).unwrap();
        let members = node.object("").unwrap();
        let fault = members[1].1.object("b").unwrap_err();
        assert_eq!(fault.member.as_deref(), Some("b.c"));
    }

    #[test]
    fn what_follows_the_document_is_refused() {
        assert!(Node::parse("{} {}").is_err());
        assert!(Node::parse("").is_err());
        let deep = "[".repeat(100_000);
        assert!(Node::parse(&deep).is_err());
    }
}
