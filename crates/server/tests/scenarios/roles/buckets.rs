//! IAM roles over several buckets: copies from one to another, and a bucket of its own for staging.

use bytes::Bytes;
use model::EventKind;
use sftp::{Extended, OpenFlags, Request};
use testkit::client::{Session, Stop};
use testkit::s3::{Effect, Fault};

use super::{ARCHIVE, Gate, POLICY, WAITING, denied};
use crate::world::{BUCKET, USER, aside, until};

/// Everything in the user's own folder, and nothing in the archive but to put something there.
const DROPS: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
      "Resource": "arn:aws:s3:::inbox/partner/*"
    },
    {
      "Effect": "Allow", "Action": "s3:PutObject",
      "Resource": "arn:aws:s3:::archive/partner/*"
    }
  ]
}"#;

/// Two parts and a rest.
fn large() -> Bytes {
    let mixed = |at: u32| at.wrapping_mul(2_654_435_761).to_be_bytes()[0];
    (0..(17 << 20) + 5).map(mixed).collect()
}

/// A gate whose user sees the archive below `/archive`.
async fn with_archive() -> Gate {
    let mut gate = Gate::with(DROPS, "").await;
    let node = gate.node;
    gate.node = aside(move || {
        let set = ["user", "set", USER, "--map", "/=/inbox/partner"];
        let maps = ["--map", "/archive=/archive/partner"];
        node.command(&[&set[..], &maps].concat()).expect("mapped");
        node
    })
    .await;
    gate
}

/// `copy-data` of the whole of one file into a new one.
async fn copy(session: &mut Session, from: &str, to: &str) -> Result<(), Stop> {
    let source = session.open_file(from, OpenFlags::READ).await?;
    let target = session.create(to, true).await?;
    let copy = Request::Extended(Extended::CopyData {
        from: source.clone(),
        from_offset: 0,
        length: 0,
        to: target.clone(),
        to_offset: 0,
    });
    let copied = session.ok(&copy).await;
    let closed = session.close(&target).await;
    session.close(&source).await?;
    copied.and(closed)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_to_another_bucket_is_the_role_s() {
    let gate = with_archive().await;
    let s3 = gate.world.s3();
    let mut session = gate.session().await;
    let (large, small) = (large(), Bytes::from_static(b"small"));
    session.put("large", &large).await.expect("put");
    session.put("small", &small).await.expect("put");
    // Whoever opens a bucket first finds out what it can do.
    session.put("archive/first", &small).await.expect("put");
    s3.reset_requests();
    for name in ["large", "small"] {
        let copied = copy(&mut session, name, &format!("archive/{name}")).await;
        copied.expect("copied");
    }
    let archived = |name: &str| s3.object(ARCHIVE, &format!("{USER}/{name}"));
    assert!(archived("large") == Some(large), "the bytes differ");
    assert_eq!(archived("small"), Some(small));
    assert!(s3.requests()["UploadPartCopy"] > 0, "{:?}", s3.requests());
    gate.each_is_signed_by_whom_it_should();
    // Nothing comes back from where he may only put.
    denied(copy(&mut session, "archive/small", "back").await);
    denied(session.get("archive/large").await);
    assert_eq!(gate.world.object("back"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_s3_denies_the_role_leaves_nothing() {
    let gate = with_archive().await;
    let s3 = gate.world.s3();
    let mut session = gate.session().await;
    session.put("large", &large()).await.expect("put");
    for operation in ["UploadPartCopy", "CreateMultipartUpload"] {
        let refusal = Fault::new(Effect::Status(403, "AccessDenied")).on(operation);
        s3.break_with(refusal.signed_by("role-key-1"));
        denied(copy(&mut session, "large", "archive/large").await);
        s3.repair();
        assert_eq!(s3.keys(ARCHIVE), Vec::<String>::new(), "{operation}");
        assert_eq!(s3.uploads(ARCHIVE), [], "{operation}");
    }
    let copied = copy(&mut session, "large", "archive/large").await;
    copied.expect("S3 allows it again");
}

/// A gate that stages in a bucket of its own.
async fn with_staging() -> Gate {
    Gate::with(POLICY, &format!("staging_bucket = {WAITING:?}\n")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_staging_bucket_is_the_gateway_s_and_final_keys_are_the_role_s() {
    let gate = with_staging().await;
    let s3 = gate.world.s3();
    let mut session = gate.session().await;
    let (large, small) = (large(), Bytes::from_static(b"small"));
    // Whoever opens a bucket first finds out what it can do.
    session.put("first.part", &small).await.expect("put");
    s3.reset_requests();
    for (content, name) in [
        (&large, "large"),
        (&small, "small"),
        (&Bytes::new(), "none"),
    ] {
        let temporary = format!("{name}.filepart");
        session.put(&temporary, content).await.expect("put");
        assert_eq!(gate.world.object(&temporary), None);
        let waiting = s3.keys(WAITING).len();
        assert!(waiting >= 2, "{waiting}, {name} waits as well");
        let named = session.rename(&temporary, name, false).await;
        named.expect("named");
        assert!(gate.world.object(name).as_ref() == Some(content), "{name}");
    }
    // A cut leaves parts at the key, and the rest as a tail in staging.
    let handle = session.create("cut", true).await.expect("opened");
    let block = |at| large.slice(usize::try_from(at).expect("it fits")..);
    let some = (9 << 20) + 1;
    let written = session.write(&handle, 0, some, |at| block(at).slice(..32 << 10));
    written.await.expect("taken");
    session.cut();
    until("it is set aside", async || {
        let told = gate.world.told(EventKind::Partial).await;
        told.contains_key("cut")
    })
    .await;
    assert!(s3.keys(WAITING).len() >= 2, "a tail waits as well");
    let mut session = gate.session().await;
    let safe = session.stat("cut").await.expect("told");
    let safe = safe.and_then(|found| found.size).expect("it is his");
    assert!(safe > 0 && safe <= some, "{safe}");
    let handle = session.create("cut", false).await.expect("opened");
    let end = large.len() as u64;
    let written = session.write(&handle, safe, end, |at| {
        let rest = block(at);
        rest.slice(..rest.len().min(32 << 10))
    });
    written.await.expect("taken");
    session.close(&handle).await.expect("stored");
    assert!(gate.world.object("cut") == Some(large), "the bytes differ");

    session.remove("first.part").await.expect("removed");
    gate.each_is_signed_by_whom_it_should();
    let own = |key: &String| key.starts_with(".pierhead/");
    assert!(!s3.keys(BUCKET).iter().any(own), "{:?}", s3.keys(BUCKET));
    until("staging is empty", async || s3.keys(WAITING).is_empty()).await;
    let uploads = [BUCKET, WAITING].map(|bucket| s3.uploads(bucket).len());
    assert_eq!(uploads, [0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_in_a_staging_bucket_gets_no_name_that_s3_denies_the_role() {
    let gate = with_staging().await;
    let s3 = gate.world.s3();
    let mut session = gate.session().await;
    let content = Bytes::from_static(b"content");
    session.put("f.part", &content).await.expect("put");
    let refusal = Fault::new(Effect::Status(403, "AccessDenied"));
    s3.break_with(refusal.signed_by("role-key-1"));
    denied(session.rename("f.part", "f", false).await);
    assert_eq!(gate.world.object("f"), None);
    assert_eq!(s3.keys(WAITING).len(), 1, "it waits on");
    assert_eq!(s3.uploads(BUCKET), []);
    assert_eq!(session.get("f.part").await.expect("his").concat(), content);
    s3.repair();
    session.rename("f.part", "f", false).await.expect("named");
    assert_eq!(gate.world.object("f"), Some(content));
}
