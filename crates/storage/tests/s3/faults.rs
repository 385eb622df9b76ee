//! Calls that go wrong on the way or at the store.

use std::time::Duration;

use futures::TryStreamExt as _;
use model::ErrorKind;
use storage::s3::Deadlines;
use storage::{ObjectStore as _, ObjectStoreExt as _, PartNumber, Precondition, PutOptions};
use testkit::s3::{Effect, Fault};

use crate::{absent, body, chain, impatient, key, open, opened, server};

#[tokio::test]
async fn a_conditional_put_whose_answer_is_lost_is_unknown_and_not_repeated() {
    let (server, store) = opened().await;
    server.break_with(Fault::new(Effect::LoseReply).on("PutObject").times(1));
    let error = store
        .put(&key("a"), body(&["once"]), &absent())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", chain(&error));
    assert!(error.outcome_unknown());
    assert_eq!(server.requests()["PutObject"], 1);
    assert_eq!(server.object("inbox", "a").unwrap(), "once");
}

#[tokio::test]
async fn a_plain_put_whose_answer_is_lost_is_repeated_with_the_same_body() {
    let (server, store) = opened().await;
    server.break_with(Fault::new(Effect::CutBefore).on("PutObject").times(1));
    server.break_with(Fault::new(Effect::LoseReply).on("PutObject").times(1));
    let pieces = body(&["one ", "", "and ", "two"]);
    store
        .put(&key("a"), pieces, &PutOptions::default())
        .await
        .unwrap();
    assert_eq!(server.requests()["PutObject"], 3);
    assert_eq!(server.object("inbox", "a").unwrap(), "one and two");
}

#[tokio::test]
async fn a_plain_put_that_stays_lost_is_unknown() {
    let (server, store) = opened().await;
    server.break_with(Fault::new(Effect::StatusAfter(500, "InternalError")).on("PutObject"));
    let failed = store.put_bytes(&key("a"), "x".into()).await.unwrap_err();
    assert!(failed.outcome_unknown());
    assert_eq!(failed.kind(), ErrorKind::Unavailable);
    assert_eq!(server.requests()["PutObject"], 5);
}

#[tokio::test]
async fn throttling_is_waited_out_even_under_a_condition() {
    let (server, store) = opened().await;
    server.break_with(Fault::new(Effect::RetryAfter(503, "SlowDown", 1)).times(3));
    store.put(&key("a"), body(&["x"]), &absent()).await.unwrap();
    assert_eq!(server.requests()["PutObject"], 4);
}

#[tokio::test]
async fn throttling_without_end_ends_in_a_refusal_that_changed_nothing() {
    let (server, store) = opened().await;
    server.break_with(Fault::new(Effect::Status(503, "SlowDown")));
    let error = store
        .put(&key("a"), body(&["x"]), &absent())
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "put a: the store is overloaded");
    assert!(!error.outcome_unknown());
    assert_eq!(server.requests()["PutObject"], 5);
}

#[tokio::test]
async fn a_conflict_after_an_attempt_of_ours_is_unknown() {
    let (server, store) = opened().await;
    store.put_bytes(&key("a"), "stands".into()).await.unwrap();
    server.break_with(
        Fault::new(Effect::Status(503, "SlowDown"))
            .on("PutObject")
            .times(1),
    );
    let error = store
        .put(&key("a"), body(&["x"]), &absent())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.outcome_unknown());
}

#[tokio::test]
async fn a_denial_is_told_at_once_and_in_words() {
    let (server, store) = opened().await;
    server.break_with(Fault::new(Effect::Status(403, "AccessDenied")).keys_with("secret"));
    let error = store
        .put_bytes(&key("secret/a"), "x".into())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    let text = "put secret/a: the store denies it to the gateway's credentials";
    assert_eq!(error.to_string(), text);
    let chain = chain(&error);
    assert!(
        chain.contains("code AccessDenied, request id fault"),
        "{chain}"
    );
    assert!(!error.outcome_unknown());
    assert_eq!(server.requests()["PutObject"], 1);
    store.put_bytes(&key("a"), "x".into()).await.unwrap();
}

#[tokio::test]
async fn a_hanging_store_is_left_at_the_deadline() {
    let (server, store) = opened().await;
    server.break_with(Fault::new(Effect::Hang));
    // Time runs only while everything waits: nobody sits out the real deadlines.
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let error = store
        .put(&key("a"), body(&["x"]), &absent())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.outcome_unknown(), "{}", chain(&error));
    let Deadlines {
        connect, answer, ..
    } = Deadlines::default();
    assert!(began.elapsed() >= connect + answer);
    assert!(began.elapsed() < connect + answer + Duration::from_secs(1));
    let error = store.head(&key("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(!error.outcome_unknown());
}

#[tokio::test]
async fn another_checksum_is_never_acknowledged() {
    let (server, store) = opened().await;
    server.break_with(Fault::new(Effect::WrongChecksum));
    let put = store
        .put(&key("a"), body(&["x"]), &absent())
        .await
        .unwrap_err();
    assert!(put.outcome_unknown(), "it stands, damaged or not");
    let upload = store
        .create_upload(&key("b"), &PutOptions::default())
        .await
        .unwrap();
    let one = PartNumber::new(1).unwrap();
    let part = store
        .put_part(one, body(&["x"]), &upload)
        .await
        .unwrap_err();
    assert_eq!(part.kind(), ErrorKind::Unavailable);
    server.repair();
    let part = store.put_part(one, body(&["x"]), &upload).await.unwrap();
    server.break_with(Fault::new(Effect::WrongChecksum));
    let absent = Some(&Precondition::Absent);
    let done = store
        .complete_upload(&upload, &[part], absent)
        .await
        .unwrap_err();
    assert!(done.outcome_unknown(), "{}", chain(&done));
}

#[tokio::test]
async fn a_completion_whose_answer_is_lost_is_unknown() {
    // The last one is of a front that turns away what it has passed on.
    let (lost, denied) = (Effect::LoseReply, Effect::StatusAfter(503, "SlowDown"));
    for (precondition, effect) in [
        (None, lost.clone()),
        (Some(Precondition::Absent), lost),
        (None, denied.clone()),
        (Some(Precondition::Absent), denied),
    ] {
        let (server, store) = opened().await;
        let upload = store
            .create_upload(&key("a"), &PutOptions::default())
            .await
            .unwrap();
        let one = PartNumber::new(1).unwrap();
        let part = store.put_part(one, body(&["x"]), &upload).await.unwrap();
        let fault = Fault::new(effect).on("CompleteMultipartUpload");
        server.break_with(fault.times(1));
        let done = store
            .complete_upload(&upload, &[part], precondition.as_ref())
            .await;
        assert!(done.unwrap_err().outcome_unknown(), "{precondition:?}");
        assert_eq!(server.object("inbox", "a").unwrap(), "x");
    }
}

#[tokio::test]
async fn an_error_in_the_body_of_a_200_is_an_error() {
    let (server, store) = opened().await;
    let upload = store
        .create_upload(&key("a"), &PutOptions::default())
        .await
        .unwrap();
    let one = PartNumber::new(1).unwrap();
    let part = store.put_part(one, body(&["x"]), &upload).await.unwrap();
    server.break_with(Fault::new(Effect::Status(200, "InternalError")));
    let absent = Some(&Precondition::Absent);
    let done = store
        .complete_upload(&upload, std::slice::from_ref(&part), absent)
        .await
        .unwrap_err();
    assert_eq!(done.kind(), ErrorKind::Unavailable, "{}", chain(&done));
    assert!(done.outcome_unknown());
    server.repair();
    store
        .complete_upload(&upload, &[part], absent)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_body_that_breaks_off_is_taken_up_where_it_ended() {
    let server = server().await;
    let store = open(impatient(&server)).await.unwrap();
    let text = "0123456789".repeat(1000);
    store
        .put_bytes(&key("a"), text.clone().into())
        .await
        .unwrap();
    for effect in [Effect::CutBody(4321), Effect::StallBody(4321)] {
        server.reset_requests();
        server.break_with(Fault::new(effect).on("GetObject").times(1));
        let fetched = store.get(&key("a"), Some(5..9_000), None).await.unwrap();
        let chunks: Vec<bytes::Bytes> = fetched.body.try_collect().await.unwrap();
        assert_eq!(chunks.concat(), text.as_bytes()[5..9_000]);
        assert_eq!(server.requests()["GetObject"], 2);
    }
}

#[tokio::test]
async fn a_body_that_changed_meanwhile_is_not_taken_up() {
    let server = server().await;
    let store = open(impatient(&server)).await.unwrap();
    store
        .put_bytes(&key("a"), "old ".repeat(100).into())
        .await
        .unwrap();
    server.break_with(Fault::new(Effect::StallBody(10)).on("GetObject").times(1));
    let fetched = store.get(&key("a"), None, None).await.unwrap();
    store
        .put_bytes(&key("a"), "new ".repeat(100).into())
        .await
        .unwrap();
    let read: Result<Vec<bytes::Bytes>, _> = fetched.body.try_collect().await;
    assert_eq!(read.unwrap_err().kind(), ErrorKind::Conflict);
}
