//! File operations against policy: each need of the table is one request.

use crate::compiled::Compiled;
use crate::context::{Context, Request};
use crate::decision::Decision;
use crate::explain::Explanation;
use crate::operation::{Need, Operation, Subject};
use crate::resource::Resource;

/// The places that an operation touches: bucket and key (without a slash at its end; empty: the
/// bucket's root).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paths<'a> {
    at: (&'a str, &'a str),
    target: (&'a str, &'a str),
}

impl<'a> Paths<'a> {
    /// One place.
    pub fn at(bucket: &'a str, key: &'a str) -> Self {
        Self {
            at: (bucket, key),
            target: (bucket, key),
        }
    }

    /// The same, and the place that the operation leads to.
    #[must_use]
    pub fn to(self, bucket: &'a str, key: &'a str) -> Self {
        Self {
            target: (bucket, key),
            ..self
        }
    }
}

/// Whether an operation may be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Allowed,
    /// It may not.
    Denied {
        /// The first need that is not met; the first of its alternatives.
        need: Need,
        /// What it was asked of.
        resource: Resource,
        /// Why not.
        decision: Decision,
    },
}

impl Verdict {
    /// Whether it may be done.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed)
    }
}

impl Compiled {
    /// Decides an operation: all of its needs must be met, of alternatives one.
    pub fn permits(
        &self,
        operation: Operation,
        paths: &Paths<'_>,
        context: &Context<'_>,
    ) -> Verdict {
        for alternatives in operation.needs() {
            let mut refused = None;
            let met = alternatives.iter().any(|need| {
                let asked = Asked::new(*need, paths);
                let decision = self.decide(&asked.request(context));
                let allowed = decision.is_allowed();
                refused = refused.take().or(Some((*need, asked.resource, decision)));
                allowed
            });
            if let (false, Some((need, resource, decision))) = (met, refused) {
                return Verdict::Denied {
                    need,
                    resource,
                    decision,
                };
            }
        }
        Verdict::Allowed
    }

    /// Every need of an operation with its explanation, in the order of the table.
    pub fn explain_operation(
        &self,
        operation: Operation,
        paths: &Paths<'_>,
        context: &Context<'_>,
    ) -> Vec<(Need, Resource, Explanation)> {
        let needs = operation.needs().iter().copied().flatten();
        needs
            .map(|need| {
                let asked = Asked::new(*need, paths);
                let explanation = self.explain(&asked.request(context));
                (*need, asked.resource, explanation)
            })
            .collect()
    }
}

/// A need at its place.
struct Asked {
    need: Need,
    resource: Resource,
    prefix: Option<String>,
}

impl Asked {
    fn new(need: Need, paths: &Paths<'_>) -> Self {
        let of_target = matches!(need.subject, Subject::TargetObject | Subject::TargetMarker);
        let (bucket, key) = if of_target { paths.target } else { paths.at };
        let (resource, prefix) = match need.subject {
            Subject::Object | Subject::TargetObject => (Resource::object(bucket, key), None),
            Subject::Marker | Subject::TargetMarker => {
                (Resource::object(bucket, &directory(key)), None)
            }
            Subject::Listing => (Resource::bucket(bucket), Some(directory(key))),
            Subject::Name => (Resource::bucket(bucket), Some(key.to_owned())),
        };
        Self {
            need,
            resource,
            prefix,
        }
    }

    /// Only writes are encrypted, and only listings have a prefix.
    fn request<'a>(&'a self, context: &Context<'a>) -> Request<'a> {
        let writes = self.need.action == crate::S3Action::PutObject;
        let context = Context {
            encryption: context.encryption.filter(|_| writes),
            kms_key: context.kms_key.filter(|_| writes),
            max_keys: context.max_keys.filter(|_| self.prefix.is_some()),
            prefix: None,
            delimiter: None,
            ..*context
        };
        Request {
            action: self.need.action,
            resource: &self.resource,
            context: match &self.prefix {
                Some(prefix) => context.listing(prefix),
                None => context,
            },
        }
    }
}

fn directory(key: &str) -> String {
    match key {
        "" => String::new(),
        key => format!("{key}/"),
    }
}
