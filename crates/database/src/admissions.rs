//! What the opening of a session reads: the bounds of the server and of the user's group, and his
//! role with its policies.

use policy::Permissions;

use crate::engine::Engine;
use crate::query::Query;
use crate::roles::role_of;
use crate::{Result, RoleDocuments, ServerLimits, User, UserLimits};

/// What holds for a session of a user besides his own row.
#[derive(Debug, Clone, Default)]
pub struct Admission {
    /// The limits of his server.
    pub server: ServerLimits,
    /// What his group grants; none where he has none, or it does not exist.
    pub group: Option<GroupBounds>,
    /// His role; none where he has none, or it does not exist.
    pub role: Option<RoleDocuments>,
}

/// What a group grants its members at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupBounds {
    /// What they may do.
    pub permissions: Permissions,
    /// What they may have.
    pub limits: UserLimits,
}

/// Queries on what sessions open with.
#[derive(Clone, Copy)]
pub struct AdmissionsTable<'a> {
    engine: &'a Engine,
}

impl<'a> AdmissionsTable<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    /// What a session of this user opens with, in one query. His own row is taken as it is.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn of(&self, user: &User) -> Result<Admission> {
        let query = Query::new("look up what holds for user", &user.name, ADMISSION)
            .bind(&user.server)
            .bind(user.group)
            .bind(user.role.as_deref());
        let rows = self.engine.fetch_all(&query).await?;
        let Some(first) = rows.first() else {
            return Ok(Admission::default());
        };
        let granted = first.parsed_or_null("group_permissions")?;
        let group = granted.map(|permissions| {
            let limits = first.json("group_limits")?;
            Ok(GroupBounds {
                permissions,
                limits,
            })
        });
        Ok(Admission {
            server: first.json("server_limits")?,
            group: group.transpose()?,
            role: match first.text_or_null("name")? {
                Some(_) => role_of(&rows)?,
                None => None,
            },
        })
    }
}

const ADMISSION: &str = "SELECT servers.limits AS server_limits, \
     user_groups.permissions AS group_permissions, user_groups.limits AS group_limits, \
     roles.name, roles.arn, roles.description, roles.store, roles.created, roles.changed, \
     roles.iam_role, roles.external_id, policies.name AS policy, policies.document FROM servers \
     LEFT JOIN user_groups ON user_groups.id = $2 \
     LEFT JOIN roles ON roles.name = $3 \
     LEFT JOIN role_policies ON role_policies.role = roles.name \
     LEFT JOIN policies ON policies.name = role_policies.policy \
     WHERE servers.id = $1 ORDER BY role_policies.position";
