//! Users of identity providers in the table `users`: recorded under `name@@provider`, so that
//! staff can find, limit and disable them like any other.

use model::{ErrorKind, ServerId, Timestamp, UserId, UserName};
use policy::Permissions;

use crate::columns::columns;
use crate::engine::Transaction;
use crate::query::Query;
use crate::row::to_json;
use crate::users::{insert, user};
use crate::{
    Error, HomeType, Mapping, Result, User, UserLimits, UserNetworks, UsersTable, revocation,
};

/// What a provider says of a user whom it lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalUser {
    /// At which server.
    pub server: ServerId,
    /// `name@@provider`.
    pub name: UserName,
    /// The provider.
    pub provider: String,
    /// What the provider knows him by, where it tells.
    pub external_id: Option<String>,
    /// How he sees where he is.
    pub home_type: HomeType,
    /// `/bucket/prefix`.
    pub home_directory: String,
    /// What he sees besides or instead of it.
    pub mappings: Vec<Mapping>,
    /// The name of his role.
    pub role: Option<String>,
    /// A policy document (JSON) that narrows what his role may.
    pub session_policy: Option<String>,
}

/// The row of a provider's user after a login.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Him: the columns that are staff's as they stand, the others as his provider says.
    pub user: User,
    /// Whether he came for the first time.
    pub new: bool,
    /// The row of somebody else who had his name before, and is gone now.
    pub replaced: Option<UserId>,
}

impl UsersTable<'_> {
    /// Records a provider's user who was let in. His owner is the provider with the external id:
    /// under the same name another id is somebody else, who gets a row and an id of his own, while
    /// the old one is removed as by [`UsersTable::remove`]. Staff's columns of a row that stays
    /// (group, permissions, limits, disabled, methods, networks, expires) hold; one that is
    /// disabled stays in any case. `last_login` is not touched: see [`UsersTable::note_login`].
    ///
    /// # Errors
    /// `Conflict` where a built-in user, or one of another provider, has the name.
    pub async fn record(&self, external: &ExternalUser, now: Timestamp) -> Result<Recorded> {
        let standing = self.by_name(&external.server, &external.name).await?;
        if let Some(row) = standing {
            external.check_provider(&row)?;
            if external.is_same(&row) && external.says_what_stands(&row) {
                return Ok(Recorded::standing(row));
            }
        }
        let mut transaction = self.engine.begin().await?;
        // Locks the server's row: nodes that record the same user take turns.
        let lock = "UPDATE servers SET changed = changed WHERE id = $1";
        let lock = Query::new(RECORD, &external.name, lock).bind(&external.server);
        transaction.execute(&lock).await?;
        let recorded = external.write(now, &mut transaction).await?;
        if recorded.replaced.is_some() {
            revocation::advance(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(recorded)
    }
}

impl Recorded {
    fn standing(user: User) -> Self {
        Self {
            user,
            new: false,
            replaced: None,
        }
    }
}

impl ExternalUser {
    async fn write(&self, now: Timestamp, transaction: &mut Transaction) -> Result<Recorded> {
        let sql = concat!(
            "SELECT ",
            columns!(users),
            " FROM users WHERE server = $1 AND name = $2"
        );
        let query = Query::new(RECORD, &self.name, sql)
            .bind(&self.server)
            .bind(&self.name);
        let standing = transaction.fetch_optional(&query).await?;
        let standing = standing.as_ref().map(user).transpose()?;
        let replaced = match standing {
            None => None,
            Some(row) => {
                self.check_provider(&row)?;
                if row.disabled {
                    return Ok(Recorded::standing(row));
                }
                if self.is_same(&row) {
                    let row = self.applied_to(row);
                    transaction.execute(&said(&row)?).await?;
                    return Ok(Recorded::standing(row));
                }
                let remove = Query::new(RECORD, &self.name, "DELETE FROM users WHERE id = $1");
                transaction.execute(&remove.bind(row.id)).await?;
                Some(row.id)
            }
        };
        let user = self.applied_to(self.row(now));
        transaction.execute(&insert(&user)?).await?;
        Ok(Recorded {
            user,
            new: true,
            replaced,
        })
    }

    fn check_provider(&self, row: &User) -> Result<()> {
        match row.provider.as_deref() {
            Some(provider) if provider == self.provider => Ok(()),
            other => {
                let whose = other.map_or("is built in".to_owned(), |name| format!("is of {name}"));
                let reason = format!("a user of this name stands already and {whose}");
                Err(Error::new(
                    ErrorKind::Conflict,
                    RECORD,
                    self.name.to_string(),
                    reason,
                ))
            }
        }
    }

    /// Whether the row is his. One that was written while the provider told no ids becomes his.
    fn is_same(&self, row: &User) -> bool {
        row.external_id.is_none() || row.external_id == self.external_id
    }

    fn says_what_stands(&self, row: &User) -> bool {
        row.external_id == self.external_id
            && row.home_type == self.home_type
            && row.home_directory == self.home_directory
            && row.mappings == self.mappings
            && row.role == self.role
            && row.session_policy == self.session_policy
    }

    fn applied_to(&self, row: User) -> User {
        User {
            external_id: self.external_id.clone(),
            home_type: self.home_type,
            home_directory: self.home_directory.clone(),
            mappings: self.mappings.clone(),
            role: self.role.clone(),
            session_policy: self.session_policy.clone(),
            ..row
        }
    }

    /// The row that he would get, were he new.
    pub fn into_row(self, now: Timestamp) -> User {
        self.applied_to(self.row(now))
    }

    /// A row of his own, that says nothing yet.
    fn row(&self, now: Timestamp) -> User {
        User {
            id: UserId::generate(),
            server: self.server.clone(),
            name: self.name.clone(),
            group: None,
            password_hash: None,
            home_type: self.home_type,
            home_directory: String::new(),
            mappings: Vec::new(),
            permissions: Permissions::ALL,
            limits: UserLimits::default(),
            disabled: false,
            created: now,
            changed: now,
            provider: Some(self.provider.clone()),
            external_id: None,
            role: None,
            session_policy: None,
            methods: None,
            totp: None,
            networks: UserNetworks::default(),
            expires: None,
            last_login: None,
        }
    }
}

const RECORD: &str = "record user";

/// Writes what his provider says. `changed` stays: his sessions hold their own provider's words,
/// and are asked about again.
fn said(user: &User) -> Result<Query> {
    let sql = "UPDATE users SET external_id = $2, home_type = $3, home_directory = $4, \
               mappings = $5, role = $6, session_policy = $7 WHERE id = $1";
    Ok(Query::new(RECORD, &user.name, sql)
        .bind(user.id)
        .bind(user.external_id.as_deref())
        .bind(user.home_type.as_str())
        .bind(&user.home_directory)
        .bind(to_json("mappings", &user.mappings)?)
        .bind(user.role.as_deref())
        .bind(user.session_policy.as_deref()))
}
