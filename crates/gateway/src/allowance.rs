//! `Allowance`: what a limit says of an operation, for staff: how much there may be, how much there
//! is, and whether that is in the way.

use database::{Database, Holding, Quota, Usage, User, UserLimits};
use model::{Location, VirtualPath};
use policy::Operation;

use crate::access::Question;
use crate::bounds::Bounds;
use crate::{Error, Result};

/// A limit that an operation meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// Which: `sessions`, `names`, `file size`, `bytes`, `files`, `upload rate`, `download rate`.
    pub name: &'static str,
    /// How much there may be, in sessions, bytes, files or bytes a second; none for names.
    pub limit: Option<u64>,
    /// How much there is of it; none where nobody counts it, or each node by itself.
    pub used: Option<u64>,
    /// The globs of names.
    pub globs: Vec<String>,
    /// Why the operation is refused for it; none where it is not.
    pub objection: Option<String>,
}

/// What every limit says that the operation meets, at the place that it writes to, if it does.
pub(crate) async fn allowances(
    user: &User,
    question: &Question,
    target: Option<(&VirtualPath, Option<Location>)>,
    bounds: &Bounds,
    database: &Database,
) -> Result<Vec<Allowance>> {
    let (operation, limits) = (question.operation, &bounds.limits);
    let mut found = vec![sessions(question, limits)];
    let Some((path, location)) = target else {
        return Ok(found);
    };
    if names(operation) {
        found.extend(of_names(question, path, bounds));
    }
    if writes(operation) {
        found.extend(of_size(question, limits));
        let quota = Quota {
            bytes: limits.bytes,
            files: limits.files,
        };
        if !quota.is_unlimited() {
            let failed = |error| Error::database("look up the quota of", &user.name, error);
            let usage = database.usage().of(user.id, None).await.map_err(failed)?;
            let held = match &location {
                Some(location) => database.usage().at(location).await.map_err(failed)?,
                None => None,
            };
            let own = held.filter(|held| held.owner == user.id);
            found.extend(of_quota(quota, &usage, own.as_ref(), question.size));
        }
        found.extend(rate("upload rate", limits.upload_rate));
    }
    if operation == Operation::Read {
        found.extend(rate("download rate", limits.download_rate));
    }
    Ok(found)
}

/// Whether a file is given a name.
fn names(operation: Operation) -> bool {
    use Operation as Op;
    matches!(
        operation,
        Op::Create | Op::Overwrite | Op::Rename | Op::RenameTemporary | Op::Copy
    )
}

/// Whether a file gets bytes.
fn writes(operation: Operation) -> bool {
    use Operation as Op;
    matches!(
        operation,
        Op::Create | Op::Overwrite | Op::Change | Op::Copy
    )
}

/// How many he has open the nodes know, each of its own.
fn sessions(question: &Question, limits: &UserLimits) -> Allowance {
    let all = question.settings.max_sessions_per_user;
    let limit = limits.sessions.map_or(all as u64, u64::from);
    Allowance {
        objection: (limit == 0).then(|| "he may have no session at all".to_owned()),
        ..Allowance::of("sessions", limit)
    }
}

fn of_names(question: &Question, path: &VirtualPath, bounds: &Bounds) -> Option<Allowance> {
    let globs = bounds.names.globs();
    let suffixes = &question.settings.temporary_suffixes;
    let operation = question.operation.as_str();
    let checked = bounds.names.check(operation, path, suffixes);
    (!globs.is_empty()).then(|| Allowance {
        limit: None,
        globs,
        objection: checked.err().map(|error| error.to_string()),
        ..Allowance::of("names", 0)
    })
}

fn of_size(question: &Question, limits: &UserLimits) -> Option<Allowance> {
    let limit = limits.file_size?;
    let too_long = question.size.is_some_and(|size| size > limit);
    Some(Allowance {
        used: question.size,
        objection: too_long.then(|| format!("a file may have {limit} bytes at most")),
        ..Allowance::of("file size", limit)
    })
}

/// The quota is one question, so that what is in the way is said once, where it belongs.
fn of_quota(
    quota: Quota,
    usage: &Usage,
    replaced: Option<&Holding>,
    size: Option<u64>,
) -> impl Iterator<Item = Allowance> {
    // A session asks whether one byte more would fit, before any is sent.
    let size = size.unwrap_or(0).max(1);
    let bytes = Quota {
        files: None,
        ..quota
    };
    let files = Quota {
        bytes: None,
        ..quota
    };
    let used = [
        usage.bytes.saturating_add(usage.private_bytes),
        usage.files.saturating_add(usage.private_files),
    ];
    let each = [("bytes", quota.bytes, bytes), ("files", quota.files, files)];
    let each = each
        .into_iter()
        .zip(used)
        .map(|((name, limit, alone), used)| {
            Some(Allowance {
                used: Some(used),
                objection: alone.objection(usage, replaced, size),
                ..Allowance::of(name, limit?)
            })
        });
    each.collect::<Vec<_>>().into_iter().flatten()
}

fn rate(name: &'static str, limit: Option<u64>) -> Option<Allowance> {
    limit.map(|limit| Allowance::of(name, limit))
}

impl Allowance {
    fn of(name: &'static str, limit: u64) -> Self {
        Self {
            name,
            limit: Some(limit),
            used: None,
            globs: Vec::new(),
            objection: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(bytes: Option<u64>, files: Option<u64>, size: Option<u64>) -> Vec<(u64, bool)> {
        let usage = Usage {
            bytes: 70,
            files: 2,
            private_bytes: 20,
            private_files: 1,
            counted: None,
        };
        let of = of_quota(Quota { bytes, files }, &usage, None, size);
        of.map(|it| (it.used.expect("counted"), it.objection.is_some()))
            .collect()
    }

    #[test]
    fn a_quota_says_what_is_used_and_whether_more_fits() {
        assert_eq!(quota(Some(100), None, None), [(90, false)]);
        assert_eq!(quota(Some(100), None, Some(10)), [(90, false)]);
        assert_eq!(quota(Some(100), None, Some(11)), [(90, true)]);
        assert_eq!(quota(Some(90), None, None), [(90, true)]);
        assert_eq!(quota(None, Some(4), None), [(3, false)]);
        assert_eq!(quota(Some(100), Some(3), None), [(90, false), (3, true)]);
    }
}
