//! `Objection`: why an operation may not be done at a place, for the log and the audit row. The
//! one decision of mount permissions and policy together.

use std::fmt;
use std::sync::Arc;

use policy::{
    Action, Compiled, Context, Decision, Denial, Need, Operation, Paths, Resource, Verdict,
};

use crate::place::Place;

/// Why not.
#[derive(Debug)]
pub(crate) enum Objection {
    /// The mount does not grant it.
    Mount(Action),
    /// Policy denies it, or does not allow it.
    Policy {
        policy: Arc<Compiled>,
        need: Need,
        resource: Resource,
        decision: Decision,
    },
}

/// Decides an operation at a place that a path led to, and at the place that it leads to. Fails
/// closed: what neither mount nor policy grants is denied. Without policy, mounts decide alone.
pub(crate) fn objection(
    operation: Operation,
    place: &Place,
    target: Option<&Place>,
    policy: Option<&Arc<Compiled>>,
    context: &Context<'_>,
) -> Option<Objection> {
    let action = operation.permission();
    let refuses = |place: &Place| !place.mount.permissions.allows(action);
    if refuses(place) || target.is_some_and(refuses) {
        return Some(Objection::Mount(action));
    }
    let policy = policy?;
    let mut paths = Paths::at(place.bucket().as_str(), &place.key);
    if let Some(target) = target {
        paths = paths.to(target.bucket().as_str(), &target.key);
    }
    match policy.permits(operation, &paths, context) {
        Verdict::Allowed => None,
        Verdict::Denied {
            need,
            resource,
            decision,
        } => Some(Objection::Policy {
            policy: Arc::clone(policy),
            need,
            resource,
            decision,
        }),
    }
}

impl Objection {
    /// What objects, for metrics.
    pub(crate) fn by(&self) -> &'static str {
        match self {
            Self::Mount(_) => "mount",
            Self::Policy { .. } => "policy",
        }
    }
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (policy, need, resource, decision) = match self {
            Self::Mount(action) => {
                return write!(
                    f,
                    "the permissions there do not hold {action:?}",
                    action = action.as_str()
                );
            }
            Self::Policy {
                policy,
                need,
                resource,
                decision,
            } => (policy, need.action, resource, decision),
        };
        match decision {
            Decision::Denied { by: Some(by), .. } => {
                write!(f, "{} denies {need} on {resource}", policy.describe(*by))
            }
            Decision::Denied {
                denial: Denial::Implicit { set },
                ..
            } => {
                let set = set.and_then(|set| policy.set_name(set));
                write!(
                    f,
                    "nothing in {} allows {need} on {resource}",
                    set.unwrap_or("any policy")
                )
            }
            _ => write!(f, "policy does not allow {need} on {resource}"),
        }
    }
}
