//! Conditions: they hold, or nothing changes; a store that cannot check them says so.

use std::sync::Arc;

use futures::future::join_all;
use model::ErrorKind;
use storage::{CopyOptions, ObjectStore, Precondition, PutOptions, Result, Written};

use crate::fixture::{Fixture, body, fails, key};

/// Asserts what `result` must be where the store is `able` and the condition `holds`; tells
/// whether the write took effect.
#[track_caller]
fn judge<T: std::fmt::Debug>(result: Result<T>, able: bool, holds: bool) -> bool {
    match (able, holds) {
        (true, true) => {
            result.expect("the condition holds");
            return true;
        }
        (true, false) => fails(result, ErrorKind::Conflict),
        (false, _) => fails(result, ErrorKind::Unsupported),
    }
    false
}

fn when(precondition: Precondition) -> PutOptions {
    PutOptions {
        precondition: Some(precondition),
        ..PutOptions::default()
    }
}

fn matches(written: &Written) -> Precondition {
    Precondition::Matches(written.etag.clone())
}

async fn put(store: &dyn ObjectStore, at: &str, text: &str, when: &PutOptions) -> Result<Written> {
    store.put(&key(at), body(text), when).await
}

pub(crate) async fn put_where_nothing_may_be(f: &Fixture) {
    let able = f.store.capabilities().put_conditions;
    let absent = when(Precondition::Absent);
    let took = judge(put(&*f.store, "d/a", "first", &absent).await, able, true);
    assert_eq!(f.read("d/a").await.is_ok(), took);
    f.put("d/a", "stands").await;
    judge(put(&*f.store, "d/a", "second", &absent).await, able, false);
    assert_eq!(f.read("d/a").await.unwrap(), "stands");
    f.store.delete(&key("d/a"), None).await.unwrap();
    judge(put(&*f.store, "d/a", "third", &absent).await, able, true);
}

pub(crate) async fn put_onto_a_known_state(f: &Fixture) {
    let able = f.store.capabilities().put_conditions;
    let first = f.put("a", "first").await;
    let took = judge(
        put(&*f.store, "a", "second", &when(matches(&first))).await,
        able,
        true,
    );
    assert_eq!(
        f.read("a").await.unwrap(),
        if took { "second" } else { "first" }
    );
    f.put("a", "third").await;
    judge(
        put(&*f.store, "a", "fourth", &when(matches(&first))).await,
        able,
        false,
    );
    assert_eq!(f.read("a").await.unwrap(), "third");
}

pub(crate) async fn put_onto_what_is_gone(f: &Fixture) {
    let able = f.store.capabilities().put_conditions;
    let first = f.put("d/a", "first").await;
    f.store.delete(&key("d/a"), None).await.unwrap();
    judge(
        put(&*f.store, "d/a", "second", &when(matches(&first))).await,
        able,
        false,
    );
    assert_eq!(f.read("d/a").await, Err(ErrorKind::NotFound));
    assert_eq!(f.all().await, [""; 0]);
}

async fn complete(f: &Fixture, at: &str, text: &str, when: Precondition) -> Result<Written> {
    let upload = f.begin(at).await;
    let part = f.part(1, text, &upload).await;
    let done = f.store.complete_upload(&upload, &[part], Some(&when)).await;
    if done.is_err() {
        f.store.abort_upload(&upload).await.unwrap();
    }
    done
}

pub(crate) async fn complete_where_nothing_may_be(f: &Fixture) {
    let able = f.store.capabilities().complete_conditions;
    let took = judge(
        complete(f, "d/a", "first", Precondition::Absent).await,
        able,
        true,
    );
    assert_eq!(f.read("d/a").await.is_ok(), took);
    f.put("d/a", "stands").await;
    judge(
        complete(f, "d/a", "second", Precondition::Absent).await,
        able,
        false,
    );
    assert_eq!(f.read("d/a").await.unwrap(), "stands");
}

pub(crate) async fn complete_onto_a_known_state(f: &Fixture) {
    let able = f.store.capabilities().complete_conditions;
    let first = f.put("a", "first").await;
    let took = judge(
        complete(f, "a", "second", matches(&first)).await,
        able,
        true,
    );
    assert_eq!(
        f.read("a").await.unwrap(),
        if took { "second" } else { "first" }
    );
    f.put("a", "third").await;
    judge(
        complete(f, "a", "fourth", matches(&first)).await,
        able,
        false,
    );
    assert_eq!(f.read("a").await.unwrap(), "third");
    f.store.delete(&key("a"), None).await.unwrap();
    judge(
        complete(f, "a", "fifth", matches(&first)).await,
        able,
        false,
    );
    assert_eq!(f.read("a").await, Err(ErrorKind::NotFound));
}

async fn copy(f: &Fixture, to: &str, when: Precondition) -> Result<Written> {
    let options = CopyOptions {
        precondition: Some(when),
        ..CopyOptions::default()
    };
    f.store.copy(&f.source("source"), &key(to), &options).await
}

pub(crate) async fn copy_where_nothing_may_be(f: &Fixture) {
    let able = f.store.capabilities().copy_conditions;
    f.put("source", "source").await;
    let took = judge(copy(f, "d/a", Precondition::Absent).await, able, true);
    assert_eq!(f.read("d/a").await.is_ok(), took);
    f.put("d/a", "stands").await;
    judge(copy(f, "d/a", Precondition::Absent).await, able, false);
    assert_eq!(f.read("d/a").await.unwrap(), "stands");
}

pub(crate) async fn copy_onto_a_known_state(f: &Fixture) {
    let able = f.store.capabilities().copy_conditions;
    f.put("source", "source").await;
    let first = f.put("a", "first").await;
    let took = judge(copy(f, "a", matches(&first)).await, able, true);
    assert_eq!(
        f.read("a").await.unwrap(),
        if took { "source" } else { "first" }
    );
    f.put("a", "third").await;
    judge(copy(f, "a", matches(&first)).await, able, false);
    assert_eq!(f.read("a").await.unwrap(), "third");
}

pub(crate) async fn delete_a_known_state(f: &Fixture) {
    let able = f.store.capabilities().delete_conditions;
    let first = f.put("a", "first").await;
    let second = f.put("a", "second").await;
    judge(
        f.store.delete(&key("a"), Some(&matches(&first))).await,
        able,
        false,
    );
    assert_eq!(f.read("a").await.unwrap(), "second");
    let took = judge(
        f.store.delete(&key("a"), Some(&matches(&second))).await,
        able,
        true,
    );
    assert_eq!(f.read("a").await.is_err(), took);
}

pub(crate) async fn delete_where_nothing_may_be_makes_no_sense(f: &Fixture) {
    f.put("a", "first").await;
    let error = f
        .store
        .delete(&key("a"), Some(&Precondition::Absent))
        .await
        .unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Unsupported),
        "{error}"
    );
    assert_eq!(f.read("a").await.unwrap(), "first");
}

/// Runs sixteen writes at once and returns the one that took effect.
async fn race<F>(write: impl Fn(usize) -> F) -> usize
where
    F: Future<Output = Result<Written>>,
{
    let results = join_all((0..16).map(write)).await;
    let mut winners = Vec::new();
    for (index, result) in results.into_iter().enumerate() {
        match result {
            Ok(_) => winners.push(index),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    winners[0]
}

pub(crate) async fn of_many_first_puts_one_wins(f: &Fixture) {
    if !f.store.capabilities().put_conditions {
        return;
    }
    let store: &Arc<dyn ObjectStore> = &f.store;
    let winner = race(|index| async move {
        put(
            &**store,
            "d/a",
            &index.to_string(),
            &when(Precondition::Absent),
        )
        .await
    });
    let winner = winner.await;
    assert_eq!(f.read("d/a").await.unwrap(), winner.to_string());
}

pub(crate) async fn of_many_puts_onto_one_state_one_wins(f: &Fixture) {
    if !f.store.capabilities().put_conditions {
        return;
    }
    let first = &f.put("a", "first").await;
    let winner = race(|index| async move {
        put(&*f.store, "a", &index.to_string(), &when(matches(first))).await
    });
    let winner = winner.await;
    assert_eq!(f.read("a").await.unwrap(), winner.to_string());
}

pub(crate) async fn of_many_first_completions_one_wins(f: &Fixture) {
    if !f.store.capabilities().complete_conditions {
        return;
    }
    let winner = race(|index| async move {
        complete(f, "d/a", &index.to_string(), Precondition::Absent).await
    });
    let winner = winner.await;
    assert_eq!(f.read("d/a").await.unwrap(), winner.to_string());
}
