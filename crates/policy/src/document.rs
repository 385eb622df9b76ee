//! A policy document, parsed strictly: what is not understood refuses the whole.

use crate::error::{Error, Fault, Place, Result, quote, suggestion};
use crate::json::{Node, wrong};
use crate::statement::{Statement, sid_of};

/// The bounds of documents. A document beyond one of them is refused.
pub mod limits {
    /// Bytes of a document's text (AWS: 20 KB for the largest kind).
    pub const DOCUMENT_BYTES: usize = 20_480;
    /// Statements in a document.
    pub const STATEMENTS: usize = 200;
    /// Values of one member or condition.
    pub const VALUES: usize = 500;
    /// Bytes of one action, resource or condition value.
    pub const TEXT_BYTES: usize = 2_048;
    /// Bytes of a `Sid`.
    pub const SID_BYTES: usize = 128;
    /// Documents in a set.
    pub const DOCUMENTS: usize = 20;
}

/// A document that was understood from end to end.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub(crate) name: String,
    pub(crate) version: Option<Version>,
    pub(crate) statements: Vec<Statement>,
    /// `${` stands in its text.
    pub(crate) mentions_variables: bool,
}

/// `Version`; a document without it is of the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// 2008-10-17: without variables.
    Old,
    /// 2012-10-17.
    Current,
}

impl Document {
    /// Reads a document. `name` is what errors and reports call it.
    ///
    /// # Errors
    /// What is not JSON, not known, there twice, empty, of the wrong type or beyond the
    /// [`limits`]; named with statement, member and reason.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let refuse = |fault: Fault| {
            let place = Place {
                member: fault.member,
                ..Place::default()
            };
            Error::new(name, place, fault.reason)
        };
        let members = read_json(text).map_err(refuse)?;
        let members = members.object("").map_err(refuse)?;
        let (version, nodes) = read_members(members).map_err(refuse)?;
        Ok(Self {
            name: name.to_owned(),
            version,
            statements: read_statements(name, nodes, version == Some(Version::Current))?,
            mentions_variables: text.contains("${"),
        })
    }

    /// What errors and reports call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many statements it has.
    pub fn statements(&self) -> usize {
        self.statements.len()
    }

    /// The place of a statement, counted from 0.
    pub(crate) fn place(&self, statement: usize) -> Place {
        let sid = self.statements.get(statement).and_then(|s| s.sid.clone());
        Place {
            statement: Some(statement + 1),
            sid,
            member: None,
        }
    }
}

fn read_json(text: &str) -> Result<Node, Fault> {
    if text.len() > limits::DOCUMENT_BYTES {
        let most = limits::DOCUMENT_BYTES;
        return Err(Fault::whole(format!(
            "{} bytes, the most is {most}; split it into several",
            text.len()
        )));
    }
    Node::parse(text).map_err(|error| Fault::whole(format!("not JSON: {error}")))
}

fn read_members(members: &[(String, Node)]) -> Result<(Option<Version>, &[Node]), Fault> {
    let (mut version, mut statements) = (None, None);
    for (name, node) in members {
        match name.as_str() {
            "Version" => version = Some(read_version(node)?),
            "Statement" => statements = Some(node.one_or_more("Statement", limits::STATEMENTS)?),
            "Id" => drop(node.text("Id")?),
            other => {
                let suggestion = suggestion(other, ["Version", "Statement", "Id"]);
                return Err(Fault::at(
                    quote(other),
                    format!("unknown member{suggestion}"),
                ));
            }
        }
    }
    match statements {
        Some(statements) => Ok((version, statements)),
        None => Err(Fault::at("Statement", "is missing")),
    }
}

fn read_version(node: &Node) -> Result<Version, Fault> {
    match node.text("Version")? {
        "2012-10-17" => Ok(Version::Current),
        "2008-10-17" => Ok(Version::Old),
        other => Err(Fault::at(
            "Version",
            format!("{:?} is not known; write \"2012-10-17\"", quote(other)),
        )),
    }
}

fn read_statements(name: &str, nodes: &[Node], variables: bool) -> Result<Vec<Statement>> {
    let mut statements: Vec<Statement> = Vec::with_capacity(nodes.len());
    for (position, node) in nodes.iter().enumerate() {
        let refuse = |fault: Fault| {
            let place = Place {
                statement: Some(position + 1),
                sid: sid_of(node),
                member: fault.member,
            };
            Error::new(name, place, fault.reason)
        };
        if !matches!(node, Node::Object(_)) {
            return Err(refuse(wrong("", "an object", node)));
        }
        let statement = Statement::read(node, variables).map_err(refuse)?;
        let same = |earlier: &Statement| earlier.sid == statement.sid;
        if statement.sid.is_some() && statements.iter().any(same) {
            return Err(refuse(Fault::at(
                "Sid",
                "an earlier statement has the same",
            )));
        }
        statements.push(statement);
    }
    Ok(statements)
}
