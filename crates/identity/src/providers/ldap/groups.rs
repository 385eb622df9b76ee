//! The groups of a user, also those that he is in through others. Loops end, and so do crowds.

use std::collections::BTreeSet;

use super::client::{Connection, Entry, Fault, Found, Outcome, Scope, Search};
use super::dn::Dn;
use super::filter::{Filter, Values};
use super::primary;
use super::settings::GroupLookup;

/// The most groups of one user. Active Directory knows no more than about a thousand either.
const MOST: usize = 1_000;

/// How groups are looked for.
#[derive(Debug)]
pub(crate) struct Groups {
    pub(crate) lookup: GroupLookup,
    pub(crate) base: String,
    /// Finds the groups with a member `{dn}`.
    pub(crate) filter: Filter,
    pub(crate) depth: u8,
    /// Whether users have a primary group, in whose list of members they do not stand.
    pub(crate) primary: bool,
    /// Seconds that a search may take.
    pub(crate) time_limit: i32,
}

/// The groups that were found: as the directory writes them, and as they are compared.
#[derive(Debug, Default)]
pub(crate) struct Membership {
    pub(crate) names: Vec<String>,
    pub(crate) known: BTreeSet<Dn>,
}

impl Membership {
    /// Adds a group; false where it is known.
    fn add(&mut self, name: &str) -> bool {
        let Some(dn) = Dn::parse(name) else {
            return false;
        };
        let new = self.known.insert(dn);
        if new {
            self.names.push(name.to_owned());
        }
        new
    }
}

impl Groups {
    /// The groups of a user.
    pub(crate) async fn of(
        &self,
        user: &Entry,
        username: &str,
        connection: &mut Connection,
    ) -> Result<Membership, Fault> {
        let mut membership = Membership::default();
        let levels = match self.lookup {
            // The directory follows the chain.
            GroupLookup::InChain => 1,
            _ => 1 + usize::from(self.depth),
        };
        let mut level = vec![user.clone()];
        if let Some(group) = self.primary_of(user, connection).await? {
            membership.add(group.dn());
            level.push(group);
        }
        for depth in 0..levels {
            let mut next = Vec::new();
            for member in &level {
                let groups = match self.lookup {
                    // It was read with the rest of them.
                    GroupLookup::MemberOf if depth == 0 => member_of(member),
                    GroupLookup::MemberOf => self.read_member_of(member, connection).await?,
                    _ => self.search(member, username, connection).await?,
                };
                for group in groups {
                    if membership.add(&group) {
                        next.push(Entry::new(&group));
                    }
                }
                if membership.names.len() > MOST {
                    return Err(too_many(user));
                }
            }
            level = next;
        }
        Ok(membership)
    }

    /// The primary group of a user, with what it is in. One that cannot be read gives him nothing.
    async fn primary_of(
        &self,
        user: &Entry,
        connection: &mut Connection,
    ) -> Result<Option<Entry>, Fault> {
        let Some(group) = primary::group_of(user).filter(|_| self.primary) else {
            return Ok(None);
        };
        let found = self.read(&group, connection).await?;
        Ok(found.entries.into_iter().next())
    }

    /// `memberOf` of an entry. One that cannot be read is in no other group.
    async fn read_member_of(
        &self,
        entry: &Entry,
        connection: &mut Connection,
    ) -> Result<Vec<String>, Fault> {
        let found = self.read(entry.dn(), connection).await?;
        Ok(found.entries.iter().flat_map(member_of).collect())
    }

    /// An entry with its `memberOf`, or none where it is not there.
    async fn read(&self, dn: &str, connection: &mut Connection) -> Result<Found, Fault> {
        let found = connection
            .search(&Search {
                base: dn,
                scope: Scope::Base,
                filter: &Filter::Present("objectClass".to_owned()),
                values: Values::default(),
                attributes: &["memberOf"],
                size_limit: 1,
                time_limit: self.time_limit,
            })
            .await?;
        match found.outcome.code {
            Outcome::SUCCESS | Outcome::NO_SUCH_OBJECT => Ok(found),
            _ => Err(failed(dn, &found)),
        }
    }

    async fn search(
        &self,
        member: &Entry,
        username: &str,
        connection: &mut Connection,
    ) -> Result<Vec<String>, Fault> {
        let found = connection
            .search(&Search {
                base: &self.base,
                scope: Scope::Subtree,
                filter: &self.filter,
                values: Values {
                    username,
                    dn: member.dn(),
                },
                attributes: &[],
                // Less than the 1,000 that Active Directory sends at once would hide the rest.
                size_limit: i32::try_from(MOST).unwrap_or(i32::MAX),
                time_limit: self.time_limit,
            })
            .await?;
        match found.outcome.code {
            Outcome::SUCCESS => {}
            Outcome::SIZE_LIMIT_EXCEEDED => return Err(too_many(member)),
            Outcome::REFERRAL => {
                return Err(Fault::Referral {
                    base: self.base.clone(),
                });
            }
            _ => return Err(failed(&self.base, &found)),
        }
        Ok(found.entries.iter().map(|it| it.dn().to_owned()).collect())
    }
}

fn member_of(entry: &Entry) -> Vec<String> {
    entry.texts("memberOf").map(str::to_owned).collect()
}

fn too_many(member: &Entry) -> Fault {
    Fault::TooManyGroups {
        dn: member.dn().to_owned(),
        most: MOST,
    }
}

fn failed(base: &str, found: &Found) -> Fault {
    Fault::Search {
        base: base.to_owned(),
        outcome: found.outcome.to_string(),
    }
}
