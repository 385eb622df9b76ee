//! What a user's role and session policy say, as they were read, and what that means for him.

use std::collections::HashMap;
use std::net::IpAddr;

use database::{Database, HomeType, RoleDocuments, User};
use policy::{Compiled, Document, Home, PolicySet, Variables, compile};
use storage::RoleSession;

use crate::target::Target;

/// The longest session policy, in characters: AWS Transfer's bound for `Policy`.
const SESSION_POLICY_CHARACTERS: usize = 2_048;

/// The role and the policies of a user as they were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Policies {
    role: Option<RolePolicies>,
    session: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct RolePolicies {
    name: String,
    /// Names and documents; none where the role does not exist.
    documents: Option<Vec<(String, String)>>,
    /// The store connection that it works on.
    store: Option<String>,
    iam: Option<IamRole>,
}

/// The IAM role that sessions assume at the store.
#[derive(Debug, Clone, PartialEq, Eq)]
struct IamRole {
    arn: String,
    external_id: Option<String>,
}

/// Why policies cannot be used. For the log and for staff: the user is told less.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("role {0:?} does not exist")]
    NoRole(String),
    #[error("the session policy has {0} characters, the most is {SESSION_POLICY_CHARACTERS}")]
    TooLong(usize),
    #[error(
        "what the store is to enforce of it has {0} characters with every value in its place, and \
         STS takes {most} as a session policy: shorten it, or give the user a session policy",
        most = RoleSession::POLICY_MAX
    )]
    TooLongForStore(usize),
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] policy::Error),
}

/// The roles that were read, each once.
pub(crate) struct Roles<'a> {
    database: &'a Database,
    known: HashMap<String, Option<RoleDocuments>>,
}

impl<'a> Roles<'a> {
    pub(crate) fn new(database: &'a Database) -> Self {
        Self {
            database,
            known: HashMap::new(),
        }
    }

    /// One query for a role that was not asked for yet, none for a user without one.
    pub(crate) async fn policies_of(&mut self, user: &User) -> database::Result<Policies> {
        let Some(name) = &user.role else {
            return Ok(Policies::of(user, None));
        };
        if !self.known.contains_key(name) {
            let found = self.database.roles().documents(name).await?;
            self.known.insert(name.clone(), found);
        }
        let found = self.known.get(name).and_then(Option::as_ref);
        Ok(Policies::of(user, found))
    }
}

impl Policies {
    /// Those of a user, and of what was found of his role.
    pub(crate) fn of(user: &User, role: Option<&RoleDocuments>) -> Self {
        let found = |name: &String| RolePolicies {
            name: name.clone(),
            documents: role.map(|role| role.documents.clone()),
            store: role.and_then(|role| role.role.store.clone()),
            iam: role.and_then(|role| {
                Some(IamRole {
                    arn: role.role.iam_role.clone()?,
                    external_id: role.role.external_id.clone(),
                })
            }),
        };
        Self {
            role: user.role.as_ref().map(found),
            session: user.session_policy.clone(),
        }
    }

    /// The store connection that the role works on.
    pub(crate) fn store(&self) -> Option<&str> {
        self.role.as_ref()?.store.as_deref()
    }

    /// What a session assumes at the store; none where the role names no IAM role. The store is
    /// told the session policy, else what the role's documents say together: one document is all
    /// that it takes.
    pub(crate) fn role_session(
        &self,
        user: &User,
        variables: &Variables,
    ) -> Result<Option<RoleSession>, Unusable> {
        let Some(iam) = self.role.as_ref().and_then(|role| role.iam.as_ref()) else {
            return Ok(None);
        };
        let set = match self.of_session()? {
            Some(set) => Some(set),
            None => self.of_role()?,
        };
        let policy = set.map(|set| set.for_store(variables)).transpose()?;
        let characters = policy.as_ref().map_or(0, |policy| policy.chars().count());
        if characters > RoleSession::POLICY_MAX {
            return Err(Unusable::TooLongForStore(characters));
        }
        Ok(Some(RoleSession {
            role: iam.arn.clone(),
            external_id: iam.external_id.clone(),
            name: RoleSession::name_for(user.plain_name()),
            policy,
        }))
    }

    /// Whether a session that began with these cannot go on with others: it works on another
    /// store, or the store enforces what was true when it began.
    pub(crate) fn need_new_session(&self, others: &Self) -> bool {
        let store = |policies: &Self| policies.role.as_ref().and_then(|role| role.store.clone());
        let iam = |policies: &Self| policies.role.as_ref().and_then(|role| role.iam.clone());
        let (before, after) = (iam(self), iam(others));
        store(self) != store(others) || before != after || (after.is_some() && self != others)
    }

    /// What they allow whom these variables are of; none where no policies hold for him.
    pub(crate) fn compile(&self, variables: &Variables) -> Result<Option<Compiled>, Unusable> {
        let sets = [self.of_role()?, self.of_session()?];
        let sets: Vec<PolicySet> = sets.into_iter().flatten().collect();
        Ok((!sets.is_empty()).then(|| compile(&sets, variables)))
    }

    fn of_role(&self) -> Result<Option<PolicySet>, Unusable> {
        let Some(role) = &self.role else {
            return Ok(None);
        };
        let missing = || Unusable::NoRole(role.name.clone());
        let documents = role.documents.as_ref().ok_or_else(missing)?;
        let read = |(name, text): &(String, String)| Document::parse(name, text);
        let documents = documents.iter().map(read).collect::<Result<_, _>>()?;
        let name = format!("role {:?}", role.name);
        Ok(Some(PolicySet::new(&name, documents)?))
    }

    fn of_session(&self) -> Result<Option<PolicySet>, Unusable> {
        const NAME: &str = "session policy";
        let Some(text) = &self.session else {
            return Ok(None);
        };
        let characters = text.chars().count();
        if characters > SESSION_POLICY_CHARACTERS {
            return Err(Unusable::TooLong(characters));
        }
        let document = Document::parse(NAME, text)?;
        Ok(Some(PolicySet::new(NAME, vec![document])?))
    }
}

/// What policies know of a user who comes from an address.
pub(crate) fn variables(user: &User, address: Option<IpAddr>) -> Variables {
    let known = Variables::new(user.plain_name());
    let known = match home(user) {
        Some(home) => known.at_home(home),
        None => known,
    };
    match address {
        Some(address) => known.from(address),
        None => known,
    }
}

/// Where he is at home: what he sees as `/`, else what his row says. None where that is nowhere.
fn home(user: &User) -> Option<Home> {
    let mapped = user.mappings.iter().find(|mapping| mapping.entry == "/");
    let mapped = mapped.filter(|_| user.home_type == HomeType::Logical);
    let text = mapped.map_or(user.home_directory.as_str(), |mapping| &mapping.target);
    let target = Target::parse(text, &user.plain()).ok()?;
    Home::new(target.bucket.as_str(), &target.key)
}
