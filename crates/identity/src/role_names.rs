//! Which roles are known here, asked when a provider names one.

use futures::future::BoxFuture;

use crate::Result;

/// Finds roles by what providers call them.
pub trait RoleNames: std::fmt::Debug + Send + Sync {
    /// The name of the role that has this ARN, or this name; none where there is no such role.
    ///
    /// # Errors
    /// `Unavailable` where nobody can say now: the login is refused then, too.
    fn find<'a>(&'a self, said: &'a str) -> BoxFuture<'a, Result<Option<String>>>;
}
