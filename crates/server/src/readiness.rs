//! What `/readyz` asks: the database and the store, seldom and with patience.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use database::Database;
use model::BucketName;
use storage::{ListRequest, Stores};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::admin::Readiness;
use crate::target::State;
use crate::wiring::Parts;

/// How long an answer holds, however many ask.
const FRESH: Duration = Duration::from_secs(2);
/// How long each part may take. Balancers give up after a few seconds.
const PATIENCE: Duration = Duration::from_secs(3);
/// A part that failed is asked once more, this much later: a lost connection in a pool, or one
/// refused request of a store, is no reason to take a node out.
const SECOND_LOOK: Duration = Duration::from_millis(250);

/// Readiness of a node with these parts.
pub(crate) fn of(state: &State, parts: &Parts) -> Arc<dyn Readiness> {
    let parts = Ready {
        database: state.database.clone(),
        stores: Arc::clone(&parts.stores),
        server: state.server.id.clone(),
    };
    Arc::new(Remembered::new(parts))
}

struct Ready {
    database: Database,
    stores: Arc<Stores>,
    server: model::ServerId,
}

impl Ready {
    async fn database(&self) -> Result<(), String> {
        let looked = self.database.check().await;
        looked.map_err(|error| format!("database: {error}"))
    }

    /// Looks at one bucket that somebody's home is in: the others are reached in the same way.
    async fn store(&self) -> Result<(), String> {
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

#[async_trait::async_trait]
impl Readiness for Ready {
    async fn check(&self) -> Result<(), String> {
        in_time("database", Box::pin(self.database())).await?;
        in_time("store", Box::pin(self.store())).await
    }
}

async fn in_time(part: &str, look: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let late = || format!("{part}: no answer in {} s", PATIENCE.as_secs());
    timeout(PATIENCE, look)
        .await
        .unwrap_or_else(|_| Err(late()))
}

/// Asks `inner` one at a time, and not again while its last answer is fresh.
struct Remembered<R> {
    inner: R,
    last: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl<R: Readiness> Remembered<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            last: Mutex::new(None),
        }
    }

    /// A failure counts where it stays one.
    async fn look(&self, was_ready: bool) -> Result<(), String> {
        let first = self.inner.check().await;
        if first.is_ok() || !was_ready {
            return first;
        }
        tokio::time::sleep(SECOND_LOOK).await;
        self.inner.check().await
    }
}

#[async_trait::async_trait]
impl<R: Readiness> Readiness for Remembered<R> {
    async fn check(&self) -> Result<(), String> {
        let mut last = self.last.lock().await;
        let was_ready = match &*last {
            Some((when, answer)) if when.elapsed() < FRESH => return answer.clone(),
            Some((_, answer)) => answer.is_ok(),
            None => true,
        };
        let answer = self.look(was_ready).await;
        match &answer {
            Err(reason) if was_ready => tracing::warn!(reason, "not ready"),
            Ok(()) if !was_ready => tracing::info!("ready again"),
            _ => {}
        }
        *last = Some((Instant::now(), answer.clone()));
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    /// Answers from a list, then from its last entry for ever.
    struct Script {
        answers: Vec<bool>,
        asked: AtomicUsize,
    }

    #[async_trait::async_trait]
    impl Readiness for Script {
        async fn check(&self) -> Result<(), String> {
            let asked = self.asked.fetch_add(1, Relaxed);
            let answer = self.answers.get(asked).or(self.answers.last());
            match answer.is_none_or(|ready| *ready) {
                true => Ok(()),
                false => Err("store: gone".to_owned()),
            }
        }
    }

    fn script(answers: &[bool]) -> Remembered<Script> {
        Remembered::new(Script {
            answers: answers.to_vec(),
            asked: AtomicUsize::new(0),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn many_who_ask_cause_one_look() {
        let ready = script(&[true]);
        let asking = (0..100).map(|_| ready.check());
        let answers = futures::future::join_all(asking).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(ready.inner.asked.load(Relaxed), 1);
        tokio::time::advance(FRESH).await;
        ready.check().await.expect("ready");
        assert_eq!(ready.inner.asked.load(Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn one_failure_is_looked_at_twice_and_one_success_is_enough() {
        let ready = script(&[false, true, false, false, false, true]);
        ready.check().await.expect("the second look");
        tokio::time::advance(FRESH).await;
        ready.check().await.expect_err("it stayed");
        ready.check().await.expect_err("remembered");
        tokio::time::advance(FRESH).await;
        ready.check().await.expect_err("still, with one look");
        tokio::time::advance(FRESH).await;
        ready.check().await.expect("back");
        assert_eq!(ready.inner.asked.load(Relaxed), 6);
    }
}
