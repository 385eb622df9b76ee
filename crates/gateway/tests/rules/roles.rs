//! Roles for tests.

use database::{NewRole, NewUser, RoleChanges};
use model::Clock;
use serde_json::{Value, json};

use crate::world::World;

/// A document of these statements.
pub(crate) fn document(statements: &Value) -> String {
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

/// A document that allows these actions on everything below `prefix` in bucket `b`, and listings
/// of all of it.
pub(crate) fn allowing(actions: &[&str], prefix: &str) -> String {
    document(&json!([
        {
            "Sid": "Files",
            "Effect": "Allow",
            "Action": actions,
            "Resource": format!("arn:aws:s3:::b/{prefix}*"),
        },
        { "Sid": "Names", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::b" },
    ]))
}

impl World {
    /// A role of one policy, both of this name.
    pub(crate) async fn role(&self, name: &str, document: &str) {
        let (policies, now) = (self.database.policies(), self.clock.now());
        policies.create(name, document, now).await.expect("saved");
        let role = NewRole {
            name: name.to_owned(),
            policies: vec![name.to_owned()],
            ..NewRole::default()
        };
        let roles = self.database.roles();
        roles.create(&role, now).await.expect("saved");
    }

    /// Changes a role; sessions are not looked at yet.
    pub(crate) async fn change_role(&self, name: &str, changes: RoleChanges) {
        let roles = self.database.roles();
        let changed = roles.update(name, changes, self.clock.now()).await;
        changed.expect("changed");
    }

    /// Another document for a policy, and a look at the sessions. Returns how many must end.
    pub(crate) async fn replace(&self, policy: &str, document: &str) -> usize {
        let policies = self.database.policies();
        let replaced = policies.replace(policy, document, self.clock.now());
        replaced.await.expect("saved");
        self.gateway.review_sessions().await.expect("read")
    }
}

/// Gives a new user a role.
pub(crate) fn with(role: &str) -> impl FnOnce(&mut NewUser) {
    let role = role.to_owned();
    move |user| user.role = Some(role)
}
