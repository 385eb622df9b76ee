//! What a user's role and session policy say, as they were read, and what that means for him.

use std::collections::HashMap;
use std::net::IpAddr;

use database::{Database, HomeType, RoleDocuments, User};
use policy::{Compiled, Document, Home, PolicySet, Variables, compile};

use crate::target::Target;

/// The longest session policy, in characters: AWS Transfer's bound for `Policy`.
const SESSION_POLICY_CHARACTERS: usize = 2_048;

/// The policies of a user as they were written.
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
}

/// Why policies cannot be used. For the log and for staff: the user is told less.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("role {0:?} does not exist")]
    NoRole(String),
    #[error("the session policy has {0} characters, the most is {SESSION_POLICY_CHARACTERS}")]
    TooLong(usize),
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
        let role = match &user.role {
            None => None,
            Some(name) => Some(RolePolicies {
                name: name.clone(),
                documents: self.documents(name).await?,
            }),
        };
        Ok(Policies {
            role,
            session: user.session_policy.clone(),
        })
    }

    /// The store connection that the role of a user works on, whose policies were read.
    pub(crate) fn store_of(&self, user: &User) -> Option<String> {
        let role = self.known.get(user.role.as_ref()?)?.as_ref()?;
        role.role.store.clone()
    }

    async fn documents(&mut self, name: &str) -> database::Result<Option<Vec<(String, String)>>> {
        if !self.known.contains_key(name) {
            let found = self.database.roles().documents(name).await?;
            self.known.insert(name.to_owned(), found);
        }
        let found = self.known.get(name).and_then(Option::as_ref);
        Ok(found.map(|found| found.documents.clone()))
    }
}

impl Policies {
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
