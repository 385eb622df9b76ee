//! Resources: those of requests, and the patterns of them in documents.

use std::fmt;

use crate::error::quote;
use crate::glob::Glob;
use crate::template::{Part, Reading, Template};
use crate::variables::{Variable, Variables};

const PARTITIONS: [&str; 3] = ["aws", "aws-cn", "aws-us-gov"];

/// A bucket, or an object in one. Prints as its ARN.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Resource {
    /// What stands behind `arn:aws:s3:::`.
    path: String,
}

impl Resource {
    /// A bucket.
    pub fn bucket(name: &str) -> Self {
        Self {
            path: name.to_owned(),
        }
    }

    /// An object: any key, taken as it is.
    pub fn object(bucket: &str, key: &str) -> Self {
        Self {
            path: format!("{bucket}/{key}"),
        }
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arn:aws:s3:::{}", self.path)
    }
}

/// An entry of `Resource` or `NotResource`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResourcePattern {
    pub(crate) source: String,
    pub(crate) names: Names,
}

/// What such an entry can name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Names {
    /// `*`.
    Everything,
    /// Buckets and objects: bucket name, or bucket name, `/` and key.
    Paths(Template),
    /// Things of other services, or of S3 that no request here is about.
    Nothing,
}

/// The same with values in the place of variables.
#[derive(Debug, Clone)]
pub(crate) enum Filled {
    Everything,
    Paths(Glob),
    Nothing,
    Unresolved(Variable),
}

impl ResourcePattern {
    /// Reads an entry: `*` or an ARN with all its six fields.
    pub(crate) fn parse(source: &str, variables: bool) -> Result<Self, String> {
        let reading = Reading {
            variables,
            wildcards: true,
        };
        let names = match source {
            "*" => Names::Everything,
            arn => names(Template::parse(arn, reading)?, arn)?,
        };
        Ok(Self {
            source: source.to_owned(),
            names,
        })
    }

    pub(crate) fn fill(&self, variables: &Variables) -> Filled {
        match &self.names {
            Names::Everything => Filled::Everything,
            Names::Nothing => Filled::Nothing,
            Names::Paths(path) => match path.fill(variables) {
                Ok(tokens) => Filled::Paths(Glob::new(tokens)),
                Err(variable) => Filled::Unresolved(variable),
            },
        }
    }
}

impl Filled {
    pub(crate) fn names(&self, resource: &Resource) -> bool {
        match self {
            Self::Everything => true,
            Self::Paths(glob) => glob.matches(resource.path()),
            Self::Nothing | Self::Unresolved(_) => false,
        }
    }
}

/// `arn:partition:service:region:account:path`. A bucket's ARN has no region and no account, and
/// the partition is that of the store, which is not known here: all of AWS's are this one.
fn names(arn: Template, source: &str) -> Result<Names, String> {
    let (fields, path) = split(arn).ok_or_else(|| {
        format!(
            "{:?} is neither \"*\" nor an ARN; write arn:aws:s3:::bucket or \
             arn:aws:s3:::bucket/key, with * where it may go on",
            quote(source)
        )
    })?;
    if path.0.is_empty() {
        return Err(format!("{:?} ends before the bucket", quote(source)));
    }
    let here = |field: usize, values: &[&str]| {
        let glob = fields.get(field).cloned().map(Glob::new);
        glob.is_some_and(|glob| values.iter().any(|value| glob.matches(value)))
    };
    let ours = here(0, &PARTITIONS) && here(1, &["s3"]) && here(2, &[""]) && here(3, &[""]);
    Ok(match ours {
        true => Names::Paths(path),
        false => Names::Nothing,
    })
}

type Fields = Vec<Vec<crate::glob::Token>>;

/// The four fields between `arn:` and the path, and the path. Wildcards do not reach over a colon,
/// and only the path has variables.
fn split(arn: Template) -> Option<(Fields, Template)> {
    let mut parts = arn.0.into_iter();
    let Some(Part::Text(first)) = parts.next() else {
        return None;
    };
    let mut fields: Fields = vec![Vec::new()];
    let mut part = Part::Text(first.strip_prefix("arn:")?.to_owned());
    loop {
        let token = match part {
            Part::Text(text) => {
                let mut pieces = text.splitn(6 - fields.len().min(5), ':');
                push(&mut fields, pieces.next()?);
                for piece in pieces {
                    if fields.len() == 4 {
                        let rest = (!piece.is_empty()).then(|| Part::Text(piece.to_owned()));
                        return Some((fields, Template(rest.into_iter().chain(parts).collect())));
                    }
                    fields.push(Vec::new());
                    push(&mut fields, piece);
                }
                None
            }
            Part::Any => Some(crate::glob::Token::Any),
            Part::One => Some(crate::glob::Token::One),
            Part::Variable(..) => return None,
        };
        fields.last_mut()?.extend(token);
        part = parts.next()?;
    }
}

fn push(fields: &mut Fields, text: &str) {
    if let (Some(field), false) = (fields.last_mut(), text.is_empty()) {
        field.push(crate::glob::Token::Text(text.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(pattern: &str, resource: &Resource) -> bool {
        let pattern = ResourcePattern::parse(pattern, true).unwrap();
        pattern.fill(&Variables::new("acme")).names(resource)
    }

    #[test]
    fn arns_name_buckets_and_objects() {
        let (bucket, object) = (Resource::bucket("b"), Resource::object("b", "x:y/z"));
        for (pattern, of_bucket, of_object) in [
            ("*", true, true),
            ("arn:aws:s3:::*", true, true),
            ("arn:aws:s3:::b", true, false),
            ("arn:aws:s3:::b/*", false, true),
            ("arn:aws:s3:::b/x:y/z", false, true),
            ("arn:aws-cn:s3:::b/x:*", false, true),
            ("arn:*:s3:*:*:b*", true, true),
            ("arn:aws:s3:::?", true, false),
            ("arn:aws:s3:::b/x?y/z", false, true),
            ("arn:aws:s3:eu-west-1:1:accesspoint/b", false, false),
            ("arn:aws:sqs:::b", false, false),
            ("arn:aws-iso:s3:::b", false, false),
            ("arn:aws:kms:eu-west-1:1:key/x", false, false),
            ("arn:aws:s3:::B", false, false),
        ] {
            assert_eq!(named(pattern, &bucket), of_bucket, "{pattern} bucket");
            assert_eq!(named(pattern, &object), of_object, "{pattern} object");
        }
        assert_eq!(object.to_string(), "arn:aws:s3:::b/x:y/z");
    }

    #[test]
    fn what_is_no_arn_is_refused() {
        for pattern in [
            "",
            "b/*",
            "**",
            "arn:aws:s3:*",
            "arn:aws:s3:::",
            "arn:*",
            "*:aws:s3:::b",
            "arn:${aws:username}:s3:::b",
            "ARN:aws:s3:::b",
            "arn:aws:s3",
            "arn:aws:s3::b",
        ] {
            assert!(ResourcePattern::parse(pattern, true).is_err(), "{pattern}");
        }
    }
}
