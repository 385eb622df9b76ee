//! What `/readyz` asks: the database and the store.

use std::collections::BTreeSet;
use std::sync::Arc;

use database::Database;
use model::BucketName;
use storage::{ListRequest, Stores};

use crate::admin::Readiness;
use crate::target::State;
use crate::wiring::Parts;

struct Ready {
    database: Database,
    stores: Arc<Stores>,
    server: model::ServerId,
}

/// Readiness of a node with these parts.
pub(crate) async fn of(state: &State, parts: &Parts) -> anyhow::Result<Arc<dyn Readiness>> {
    Ok(Arc::new(Ready {
        database: state.database.clone(),
        stores: Arc::clone(&parts.stores),
        server: state.server.id.clone(),
    }))
}

#[async_trait::async_trait]
impl Readiness for Ready {
    /// Looks at the database and at one bucket that somebody's home is in: the others are reached
    /// in the same way.
    async fn check(&self) -> Result<(), String> {
        self.database
            .check()
            .await
            .map_err(|error| format!("database: {error}"))?;
        let users = self.database.users().list(&self.server).await;
        let users = users.map_err(|error| format!("database: {error}"))?;
        let buckets: BTreeSet<BucketName> = users
            .iter()
            .filter_map(|user| user.home_directory.split('/').nth(1))
            .filter_map(|name| BucketName::parse(name).ok())
            .collect();
        let Some(bucket) = buckets.first() else {
            return Ok(());
        };
        let looked = async {
            let store = self.stores.bucket(bucket).await?;
            let one = ListRequest {
                max_entries: Some(1),
                ..ListRequest::default()
            };
            store.list(&one).await
        };
        match looked.await {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("store: {error}")),
        }
    }
}
