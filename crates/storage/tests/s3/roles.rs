//! Sessions of IAM roles: who signs which request, who shares keys, and what becomes of them when
//! they end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use model::{BucketName, Clock, ErrorKind, ManualClock, Timestamp};
use storage::s3::{Deadlines, S3Settings};
use storage::{
    BufferLimits, Buffers, Connection, CopyOptions, Encryption, ListRequest, ObjectStore,
    ObjectStoreExt as _, PartNumber, PutOptions, RoleSession, Source, Staging, Stores, Upload,
    UploadSettings,
};
use testkit::s3::{Effect, Fault, Options, S3Server};
use testkit::sts::{Mood, StsServer};

use super::{key, settings};

const HOUR: Duration = Duration::from_secs(3600);
const MIB: usize = 1 << 20;
const EVERYTHING: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
/// What is in ann's folder.
const OWN_FOLDER: &str = r#"{"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::inbox/ann/*"},
  {"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::inbox",
   "Condition":{"StringLike":{"s3:prefix":"ann/*"}}}]}"#;

/// A store, an STS whose keys it accepts, and a clock that both go by.
struct World {
    s3: S3Server,
    sts: StsServer,
    clock: ManualClock,
    stores: Stores,
}

impl World {
    async fn new() -> Self {
        Self::patient(Deadlines::default().role).await
    }

    /// The gateway waits so long for STS.
    async fn patient(role: Duration) -> Self {
        let s3 = S3Server::start(Options::default()).await.unwrap();
        let clock = ManualClock::new(Timestamp::from_seconds(1_800_000_000));
        let sts = StsServer::start(s3.key_pairs(), Arc::new(clock.clone()));
        let sts = sts.await.unwrap();
        let settings = S3Settings {
            sts_endpoint: Some(sts.url()),
            deadlines: Deadlines {
                role,
                ..Deadlines::default()
            },
            ..settings(&s3)
        };
        let stores = Stores::new(Connection::S3(Box::new(settings)));
        // Opened and probed by the gateway itself.
        stores.bucket(&bucket()).await.unwrap();
        s3.reset_requests();
        Self {
            s3,
            sts,
            clock,
            stores,
        }
    }

    async fn acting(&self, session: &RoleSession) -> storage::Result<Stores> {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let buckets = [&bucket()];
        Box::pin(self.stores.acting_as(session, buckets, &clock)).await
    }

    /// The inbox as ann's session sees it.
    async fn inbox(&self) -> Arc<dyn ObjectStore> {
        let acting = self.acting(&ann()).await.unwrap();
        acting.bucket(&bucket()).await.unwrap()
    }

    /// Operations since the last time, each with whether it was on what is the gateway's own, and
    /// whether the gateway signed.
    fn signed(&self) -> BTreeSet<(&'static str, bool, bool)> {
        let signed = self.s3.signed();
        self.s3.reset_requests();
        let by_gateway = |by: &str| by == self.s3.access_key();
        let all = signed.iter();
        all.map(|one| (one.operation, one.own, by_gateway(&one.by)))
            .collect()
    }
}

fn bucket() -> BucketName {
    BucketName::parse("inbox").unwrap()
}

fn ann() -> RoleSession {
    RoleSession {
        role: "arn:aws:iam::111122223333:role/partners".to_owned(),
        external_id: Some("pier-1".to_owned()),
        name: RoleSession::name_for("ann"),
        policy: Some(EVERYTHING.to_owned()),
    }
}

#[tokio::test]
async fn users_keys_are_the_roles_and_the_rest_is_the_gateways() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    assert_eq!(world.signed(), BTreeSet::new(), "nothing is probed again");
    let (role, gateway) = (false, true);

    inbox.put_bytes(&key("f"), "one".into()).await.unwrap();
    inbox.read_whole(&key("f"), 100).await.unwrap();
    let listing = ListRequest {
        delimiter: Some('/'),
        ..ListRequest::default()
    };
    inbox.list(&listing).await.unwrap();
    let wanted = [
        ("PutObject", false, role),
        ("GetObject", false, role),
        ("ListObjectsV2", false, role),
    ];
    assert_eq!(world.signed(), BTreeSet::from(wanted));

    inbox.head(&key("f")).await.unwrap();
    inbox.list(&ListRequest::default()).await.unwrap();
    let wanted = [
        ("HeadObject", false, gateway),
        ("ListObjectsV2", false, gateway),
    ];
    assert_eq!(world.signed(), BTreeSet::from(wanted));

    let own = key(".pierhead/staging/x");
    inbox.put_bytes(&own, "staged".into()).await.unwrap();
    inbox.read_whole(&own, 100).await.unwrap();
    inbox.delete(&own, None).await.unwrap();
    let wanted = ["PutObject", "GetObject", "DeleteObject"].map(|name| (name, true, gateway));
    assert_eq!(world.signed(), BTreeSet::from(wanted));

    inbox
        .copy(&source("f"), &key("g"), &CopyOptions::default())
        .await
        .unwrap();
    inbox.delete(&key("g"), None).await.unwrap();
    let wanted = [("CopyObject", false, role), ("DeleteObject", false, role)];
    assert_eq!(world.signed(), BTreeSet::from(wanted));

    let (to, options) = (key("h"), PutOptions::default());
    let upload = inbox.create_upload(&to, &options).await.unwrap();
    let number = PartNumber::new(1).unwrap();
    let part = inbox.put_part(number, bytes::Bytes::from("part").into(), &upload);
    let part = part.await.unwrap();
    inbox.list_parts(&upload).await.unwrap();
    inbox.complete_upload(&upload, &[part], None).await.unwrap();
    let upload = inbox.create_upload(&to, &options).await.unwrap();
    inbox.abort_upload(&upload).await.unwrap();
    let wanted = [
        ("CreateMultipartUpload", false, role),
        ("UploadPart", false, role),
        ("CompleteMultipartUpload", false, role),
        ("ListParts", false, gateway),
        ("AbortMultipartUpload", false, gateway),
    ];
    assert_eq!(world.signed(), BTreeSet::from(wanted));
}

fn source(name: &str) -> Source {
    Source {
        bucket: bucket(),
        key: key(name),
        pin: None,
    }
}

/// A temporary file gets its final name: the gateway reads staging, the role decides whether the
/// key may be written.
#[tokio::test]
async fn what_leaves_staging_is_published_by_the_role() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    for (from, content) in [
        (".pierhead/staging/f", "whole"),
        (".pierhead/staging/e", ""),
    ] {
        inbox.put_bytes(&key(from), content.into()).await.unwrap();
        let options = CopyOptions {
            metadata: Some([("mtime".to_owned(), "7".to_owned())].into()),
            precondition: None,
        };
        inbox
            .copy(&source(from), &key("f"), &options)
            .await
            .unwrap();
        assert_eq!(world.s3.object("inbox", "f").unwrap(), content);
        assert_eq!(world.s3.metadata("inbox", "f").unwrap()["mtime"], "7");
    }
    let signed = world.signed();
    for by_role in [
        "CreateMultipartUpload",
        "CompleteMultipartUpload",
        "PutObject",
    ] {
        assert!(signed.contains(&(by_role, false, false)), "{signed:?}");
    }
    assert!(
        signed.contains(&("UploadPartCopy", true, true)),
        "{signed:?}"
    );
    let refused = Fault::new(Effect::Status(403, "AccessDenied"));
    world.s3.break_with(refused.signed_by("role-key-1"));
    let from = source(".pierhead/staging/f");
    let copied = inbox.copy(&from, &key("g"), &CopyOptions::default()).await;
    assert_eq!(copied.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(world.s3.object("inbox", "g"), None);
    assert_eq!(world.s3.uploads("inbox"), []);
}

#[tokio::test]
async fn what_the_store_denies_the_role_is_not_tried_again_by_the_gateway() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    let refused = Fault::new(Effect::Status(403, "AccessDenied"));
    world.s3.break_with(refused.signed_by("role-key-1"));
    let put = inbox.put_bytes(&key("f"), "one".into()).await;
    assert_eq!(put.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(
        world.signed(),
        BTreeSet::from([("PutObject", false, false)])
    );
    assert_eq!(world.s3.object("inbox", "f"), None);
}

/// Nothing decides here but the store: it denies what the session policy does not allow, as if a
/// gateway had allowed too much.
#[tokio::test]
async fn the_store_does_no_more_than_the_session_policy_allows() {
    let world = World::new().await;
    for at in ["ann/f", "ben/f"] {
        world.s3.put("inbox", at, "content");
    }
    let session = RoleSession {
        policy: Some(OWN_FOLDER.to_owned()),
        ..ann()
    };
    let acting = world.acting(&session).await.unwrap();
    let inbox = acting.bucket(&bucket()).await.unwrap();
    let folder = |prefix: &str| ListRequest {
        prefix: prefix.to_owned(),
        delimiter: Some('/'),
        ..ListRequest::default()
    };
    let copy = async |from: &str, to: &str| {
        let options = CopyOptions::default();
        let copied = inbox.copy(&source(from), &key(to), &options).await;
        copied.map(drop)
    };
    let put = async |at: &str| inbox.put_bytes(&key(at), "new".into()).await.map(drop);
    let read = async |at: &str| inbox.read_whole(&key(at), 100).await.map(drop);
    read("ann/f").await.unwrap();
    put("ann/g").await.unwrap();
    copy("ann/f", "ann/h").await.unwrap();
    inbox.list(&folder("ann/")).await.unwrap();

    let begin = async |at: &str| {
        let options = PutOptions::default();
        inbox.create_upload(&key(at), &options).await.map(drop)
    };
    for (outcome, what) in [
        (read("ben/f").await, "a neighbour's file"),
        (put("ben/g").await, "a file in his folder"),
        (begin("ben/x").await, "a large one"),
        (copy("ben/f", "ann/stolen").await, "a copy from there"),
        (copy("ann/f", "ben/f").await, "a copy over his"),
        (
            inbox.delete(&key("ann/f"), None).await,
            "no right to delete",
        ),
        (inbox.list(&folder("ben/")).await.map(drop), "his names"),
        (inbox.list(&folder("")).await.map(drop), "all names"),
    ] {
        let denied = outcome.expect_err(what);
        assert_eq!(denied.kind(), ErrorKind::Denied, "{what}: {denied}");
    }
    assert_eq!(world.s3.keys("inbox"), ["ann/f", "ann/g", "ann/h", "ben/f"]);
    assert_eq!(world.s3.object("inbox", "ben/f").unwrap(), "content");
    assert_eq!(world.s3.uploads("inbox"), []);
}

#[tokio::test]
async fn equal_sessions_share_keys_and_others_have_their_own() {
    let world = World::new().await;
    let one = world.acting(&ann()).await.unwrap();
    let two = world.acting(&ann()).await.unwrap();
    assert_eq!(world.sts.asked().len(), 1);
    let asked = &world.sts.asked()[0];
    for (name, value) in [
        ("Action", "AssumeRole"),
        ("RoleArn", "arn:aws:iam::111122223333:role/partners"),
        ("RoleSessionName", "ann"),
        ("ExternalId", "pier-1"),
        ("Policy", EVERYTHING),
        ("DurationSeconds", "3600"),
    ] {
        assert_eq!(asked[name], value, "{name}");
    }
    let other = RoleSession {
        policy: None,
        ..ann()
    };
    world.acting(&other).await.unwrap();
    assert_eq!(world.sts.asked().len(), 2);
    drop(one);
    world.acting(&ann()).await.unwrap();
    assert_eq!(world.sts.asked().len(), 2, "one session still has them");
    drop(two);
    world.acting(&ann()).await.unwrap();
    assert_eq!(world.sts.asked().len(), 3, "they went with the last");
}

#[tokio::test]
async fn keys_are_renewed_while_an_upload_runs() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    let settings = UploadSettings {
        staging: Some(Staging {
            store: Arc::clone(&inbox),
            prefix: ".pierhead/staging/t/".to_owned(),
        }),
        ..UploadSettings::new(Buffers::new(&BufferLimits::default()))
    };
    let upload = Upload::start(Arc::clone(&inbox), key("big"), settings, None);
    let content = vec![7; 24 * MIB];
    for (number, piece) in content.chunks(6 * MIB).enumerate() {
        for (at, bytes) in piece.chunks(MIB).enumerate() {
            let offset = (number * 6 + at) * MIB;
            upload.write(offset as u64, bytes).unwrap();
        }
        upload.settle().await.unwrap();
        // A renewal is due at 55 minutes.
        world.clock.advance(Duration::from_secs(30 * 60));
    }
    upload.finish(&PutOptions::default()).await.unwrap();
    assert_eq!(world.s3.object("inbox", "big").unwrap(), content);
    let signers: BTreeSet<String> = world.s3.signed().into_iter().map(|one| one.by).collect();
    assert!(signers.len() > 1, "{signers:?}");
    assert!(!signers.contains(world.s3.access_key()), "{signers:?}");
    assert_eq!(world.sts.asked().len(), signers.len());
}

#[tokio::test]
async fn keys_that_cannot_be_renewed_are_used_to_their_end_and_no_longer() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    world.sts.set_mood(Mood::Refuses(503, "ServiceUnavailable"));
    world.clock.advance(HOUR - Duration::from_secs(60));
    inbox.put_bytes(&key("f"), "one".into()).await.unwrap();
    let asked = world.sts.asked().len();
    assert!(asked > 1, "it was tried");
    inbox.put_bytes(&key("f"), "one".into()).await.unwrap();
    assert_eq!(world.sts.asked().len(), asked, "but not for every request");
    world.clock.advance(Duration::from_secs(61));
    world.s3.reset_requests();
    let put = inbox.put_bytes(&key("f"), "two".into()).await.unwrap_err();
    assert_eq!(put.kind(), ErrorKind::Unavailable);
    assert!(!put.outcome_unknown(), "nothing was sent");
    assert_eq!(world.signed(), BTreeSet::new());
    world.sts.set_mood(Mood::Gives(HOUR));
    inbox.put_bytes(&key("f"), "two".into()).await.unwrap();
    assert_eq!(world.s3.object("inbox", "f").unwrap(), "two");
}

#[tokio::test]
async fn without_keys_there_is_no_session() {
    let world = World::new().await;
    for (mood, kind) in [
        (Mood::Refuses(403, "AccessDenied"), ErrorKind::Denied),
        (
            Mood::Refuses(400, "PackedPolicyTooLarge"),
            ErrorKind::Invalid,
        ),
        (
            Mood::Refuses(400, "MalformedPolicyDocument"),
            ErrorKind::Invalid,
        ),
        (Mood::Refuses(400, "Throttling"), ErrorKind::Unavailable),
        (
            Mood::Refuses(500, "InternalFailure"),
            ErrorKind::Unavailable,
        ),
    ] {
        world.sts.set_mood(mood.clone());
        let refused = world.acting(&ann()).await.unwrap_err();
        assert_eq!(refused.kind(), kind, "{mood:?}: {refused}");
    }
    assert_eq!(world.signed(), BTreeSet::new(), "the store was not asked");
}

#[tokio::test]
async fn an_sts_that_does_not_answer_is_not_waited_for() {
    let world = World::patient(Duration::from_millis(200)).await;
    world.sts.set_mood(Mood::Silent);
    let refused = world.acting(&ann()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_bucket_of_another_store_is_not_reached_without_the_role() {
    let world = World::new().await;
    let cold = BucketName::parse("cold").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let local = Connection::Local {
        root: folder.path().to_owned(),
    };
    let sealed = S3Settings {
        encryption: Encryption::S3Managed,
        sts_endpoint: Some(world.sts.url()),
        ..settings(&world.s3)
    };
    let stores = Stores::new(Connection::S3(Box::new(sealed)))
        .with_store("archive", &["cold".to_owned()], local)
        .unwrap();
    assert!(matches!(
        stores.encryption_of(&bucket()),
        Encryption::S3Managed
    ));
    assert!(matches!(
        stores.encryption_of(&cold),
        Encryption::BucketDefault
    ));
    let clock: Arc<dyn Clock> = Arc::new(world.clock.clone());
    let both = [&bucket(), &cold];
    let refused = Box::pin(stores.acting_as(&ann(), both, &clock)).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unsupported);
    let acting = Box::pin(stores.acting_as(&ann(), [&bucket()], &clock)).await;
    let acting = acting.unwrap();
    acting.bucket(&bucket()).await.unwrap();
    let refused = acting.bucket(&cold).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Denied);
    stores.bucket(&cold).await.unwrap();
}
