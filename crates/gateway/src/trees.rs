//! `Trees`: large trees are built once for all sessions of a user on this node.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use database::User;
use model::UserId;
use policy::Permissions;

use crate::Result;
use crate::home::mounts;
use crate::mount::Mounts;

/// Smaller trees are built anew: that costs less than to compare them.
const LARGE: usize = 100;

/// The large trees that sessions of a node have now.
#[derive(Debug, Default)]
pub(crate) struct Trees {
    trees: Mutex<HashMap<UserId, (u64, Weak<Mounts>)>>,
    hasher: RandomState,
}

impl Trees {
    /// The tree of a user, who may do what is `granted` in it at most.
    pub(crate) fn of(&self, user: &User, granted: Permissions) -> Result<Arc<Mounts>> {
        if user.mappings.len() < LARGE {
            return mounts(user, granted).map(Arc::new);
        }
        let content = self.content(user, granted);
        if let Some((_, tree)) = self.lock().get(&user.id).filter(|(of, _)| *of == content)
            && let Some(tree) = tree.upgrade()
        {
            return Ok(tree);
        }
        let tree = Arc::new(mounts(user, granted)?);
        let mut trees = self.lock();
        trees.retain(|_, (_, tree)| tree.strong_count() > 0);
        trees.insert(user.id, (content, Arc::downgrade(&tree)));
        Ok(tree)
    }

    /// What a tree is made of, as a number that differs where that does; the key is random.
    fn content(&self, user: &User, granted: Permissions) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        (&user.name, user.home_type, &user.home_directory, granted).hash(&mut hasher);
        for mapping in &user.mappings {
            (
                &mapping.entry,
                &mapping.target,
                mapping.kind,
                mapping.permissions,
            )
                .hash(&mut hasher);
        }
        hasher.finish()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<UserId, (u64, Weak<Mounts>)>> {
        self.trees.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
