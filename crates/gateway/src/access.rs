//! What a user may do and why: the decision that his session would make, with all its reasons, for
//! staff.

use std::net::IpAddr;
use std::sync::Arc;

use database::{Database, User};
use model::{BucketName, ErrorKind, Location, ObjectKey, Timestamp, VirtualPath};
use policy::{Compiled, Explanation, Need, Operation, Paths, Permissions, Resource};
use storage::Stores;

use crate::allowance::{Allowance, allowances};
use crate::bounds::Bounds;
use crate::home::mounts;
use crate::mount::{Mounts, Resolved};
use crate::objection::objection;
use crate::place::Place;
use crate::policies::{Policies, variables};
use crate::{Error, Result, Settings, sealing};

/// What staff want to know.
#[derive(Debug, Clone)]
pub struct Question {
    /// What the user would do.
    pub operation: Operation,
    /// To which path, as he would say it.
    pub path: String,
    /// Towards which path, for operations that lead to one ([`Operation::has_target`]).
    pub to: Option<String>,
    /// From which address; conditions on it find none where absent.
    pub source: Option<IpAddr>,
    /// How many bytes the file will have, where it is going to be written and that is known.
    pub size: Option<u64>,
    /// When.
    pub now: Timestamp,
    /// What the sessions of his node are told.
    pub settings: Settings,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct AccessReport {
    /// Why not, in words for staff; none where it is allowed.
    pub denied: Option<String>,
    /// Where the paths lead, as far as they lead anywhere: that of the question, then its target.
    pub reached: Vec<Reached>,
    /// Whether he has a role or a session policy; else mounts decide alone.
    pub has_policies: bool,
    /// What the operation needs of policy, in the order of the documentation's table, each with
    /// what every statement made of it.
    pub needs: Vec<(Need, Resource, Explanation)>,
    /// The limits that it meets, by his own row and his group's.
    pub allowances: Vec<Allowance>,
}

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// The path as it is understood.
    pub path: VirtualPath,
    /// The entry of his tree that it lies in: his home or a mapping; none for directories that
    /// are there only because mappings lie below.
    pub mount: Option<ReachedMount>,
}

/// A bucket and a key, and what the mount grants there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReachedMount {
    /// The entry.
    pub entry: String,
    /// The bucket.
    pub bucket: String,
    /// The key, without a slash at its end; empty for the bucket itself.
    pub key: String,
    /// What may be done there at most.
    pub permissions: Permissions,
}

/// Answers with the user's row, role and policies as they are now, as a session that began now
/// would decide. The store is not asked, so it does not matter what stands at the paths.
///
/// # Errors
/// `Invalid` for a path that no client can say, `Unavailable` where the database does not answer.
pub async fn explain_access(
    user: &User,
    question: &Question,
    database: &Database,
    stores: &Stores,
) -> Result<AccessReport> {
    let unread = |error| Error::database("explain access of", &user.name, error);
    let admission = database.admissions().of(user).await.map_err(unread)?;
    let policies = Policies::of(user, admission.role.as_ref());
    let bounds = Bounds::of(user, admission.group.as_ref());
    let mounts = match mounts(user, bounds.permissions) {
        Ok(mounts) => mounts,
        Err(error) => return Ok(AccessReport::refused(error.to_string())),
    };
    let policy = match policies.compile(&variables(user, question.source)) {
        Ok(policy) => policy.map(Arc::new),
        Err(unusable) => {
            return Ok(AccessReport::refused(format!(
                "he gets no session: {unusable}"
            )));
        }
    };
    let mut access = explain(question, &mounts, policy.as_ref(), stores)?;
    let target = access.reached.last();
    let target = target.map(|reached| (&reached.path, reached.location()));
    access.allowances = allowances(user, question, target, &bounds, database).await?;
    if access.denied.is_none() {
        let mut objections = access.allowances.iter();
        access.denied = objections.find_map(|allowance| allowance.objection.clone());
    }
    Ok(access)
}

fn explain(
    question: &Question,
    mounts: &Mounts,
    policy: Option<&Arc<Compiled>>,
    stores: &Stores,
) -> Result<AccessReport> {
    let mut access = AccessReport {
        has_policies: policy.is_some(),
        ..AccessReport::refused(String::new())
    };
    let mut places = Vec::new();
    for raw in [Some(&question.path), question.to.as_ref()]
        .into_iter()
        .flatten()
    {
        let path = VirtualPath::parse(raw.as_bytes(), mounts.working_directory())
            .map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()))?;
        match mounts.resolve(&path) {
            Ok(Resolved::Stored(place)) => {
                access.reached.push(Reached::at(&place));
                places.push(place);
            }
            Ok(Resolved::Virtual) => access.reached.push(Reached { path, mount: None }),
            Err(error) => {
                access.denied = Some(error.to_string());
                return Ok(access);
            }
        }
    }
    if places.len() < access.reached.len() {
        access.denied = of_virtual(question.operation);
        return Ok(access);
    }
    let (Some(place), target) = (places.first(), places.get(1)) else {
        return Ok(access);
    };
    let written = target.unwrap_or(place).bucket();
    let context = sealing::context(question.now, written, stores);
    if let Some(policy) = policy {
        let paths = paths(place, target);
        access.needs = policy.explain_operation(question.operation, &paths, &context);
    }
    let objection = objection(question.operation, place, target, policy, &context);
    access.denied = objection.map(|objection| objection.to_string());
    Ok(access)
}

fn paths<'a>(place: &'a Place, target: Option<&'a Place>) -> Paths<'a> {
    let paths = Paths::at(place.bucket().as_str(), &place.key);
    match target {
        Some(target) => paths.to(target.bucket().as_str(), &target.key),
        None => paths,
    }
}

/// Directories that are there only because mappings lie below may be looked at.
fn of_virtual(operation: Operation) -> Option<String> {
    let looks = matches!(operation, Operation::List | Operation::Stat);
    let why = "this directory is only there because mappings lie below it; it cannot be changed";
    (!looks).then(|| why.to_owned())
}

impl AccessReport {
    fn refused(why: String) -> Self {
        Self {
            denied: Some(why),
            reached: Vec::new(),
            has_policies: false,
            needs: Vec::new(),
            allowances: Vec::new(),
        }
    }
}

impl Reached {
    /// The object that counts there, if one can stand there.
    fn location(&self) -> Option<Location> {
        let mount = self.mount.as_ref()?;
        Some(Location {
            bucket: BucketName::parse(&mount.bucket).ok()?,
            key: ObjectKey::parse(mount.key.as_str()).ok()?,
        })
    }

    fn at(place: &Place) -> Self {
        // What the path has behind the entry is what the key has behind the mount's.
        let behind = place.key.len() - place.mount.key.len();
        let behind = match (behind, place.mount.key.as_str()) {
            (0, _) => 0,
            (behind, "") => behind + 1,
            (behind, _) => behind,
        };
        let path = place.path.as_str();
        let entry = path
            .get(..path.len().saturating_sub(behind))
            .unwrap_or_default();
        Self {
            path: place.path.clone(),
            mount: Some(ReachedMount {
                entry: if entry.is_empty() { "/" } else { entry }.to_owned(),
                bucket: place.bucket().to_string(),
                key: place.key.clone(),
                permissions: place.mount.permissions,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use model::UserName;

    use super::*;
    use crate::mount::MountKind;

    #[test]
    fn the_entry_is_what_the_key_does_not_say() {
        let user = UserName::parse("ann").expect("valid");
        let entry = |entry, target| (entry, target, MountKind::Directory, Permissions::ALL);
        let mounts = Mounts::logical(
            [
                entry("/", "/b/home"),
                entry("/pool", "/p"),
                entry("/in/deep", "/b/x/y"),
            ],
            &user,
        );
        let mounts = mounts.expect("valid");
        for (at, wanted) in [
            ("/", "/"),
            ("/f", "/"),
            ("/d/f", "/"),
            ("/pool", "/pool"),
            ("/pool/f", "/pool"),
            ("/in/deep/f/g", "/in/deep"),
        ] {
            let path = VirtualPath::parse(at.as_bytes(), &VirtualPath::root()).expect("valid");
            let Ok(Resolved::Stored(place)) = mounts.resolve(&path) else {
                panic!("{at} leads nowhere");
            };
            let reached = Reached::at(&place).mount.expect("stored");
            assert_eq!(reached.entry, wanted, "{at}");
        }
        let root = Mounts::logical([entry("/", "/whole")], &user).expect("valid");
        let path = VirtualPath::parse(b"/a/b", &VirtualPath::root()).expect("valid");
        let Ok(Resolved::Stored(place)) = root.resolve(&path) else {
            panic!("it leads nowhere");
        };
        assert_eq!(Reached::at(&place).mount.expect("stored").entry, "/");
    }
}
