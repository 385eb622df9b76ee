//! A user whose role names an IAM role: S3 sees that role's keys, and what it denies stays denied.

mod buckets;
mod moto;

use std::sync::Arc;

use bytes::Bytes;
use model::SystemClock;
use sftp::{Status, StatusCode};
use testkit::client::{Session, Stop};
use testkit::node::Node;
use testkit::s3::{Effect, Fault};
use testkit::sts::{Mood, StsServer};

use crate::world::{BUCKET, USER, World, aside, started};

const IAM_ROLE: &str = "arn:aws:iam::111122223333:role/partners";
const POLICY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Names", "Effect": "Allow", "Action": "s3:ListBucket",
      "Resource": "arn:aws:s3:::${transfer:HomeBucket}",
      "Condition": {
        "StringLike": { "s3:prefix": "${transfer:HomeFolder}/*" },
        "IpAddress": { "aws:SourceIp": "127.0.0.0/8" }
      }
    },
    {
      "Sid": "Files", "Effect": "Allow",
      "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
      "Resource": "arn:aws:s3:::${transfer:HomeDirectory}/*"
    }
  ]
}"#;
/// The same as S3 reads it: values stand in the place of variables, and the address is settled.
const TOLD: &str = r#"{"Statement":[{"Action":"s3:ListBucket","Condition":{"StringLike":{"s3:prefix":"partner/*"}},"Effect":"Allow","Resource":"arn:aws:s3:::inbox"},{"Action":["s3:GetObject","s3:PutObject","s3:DeleteObject"],"Effect":"Allow","Resource":"arn:aws:s3:::inbox/partner/*"}],"Version":"2012-10-17"}"#;

/// Another bucket for files.
const ARCHIVE: &str = "archive";
/// One for staging.
const WAITING: &str = "waiting";

/// An S3 server, its STS, and a node whose user has the role.
struct Gate {
    world: World,
    sts: StsServer,
    node: Node,
}

impl Gate {
    async fn open() -> Self {
        Self::with(POLICY, "").await
    }

    /// The role has this policy; `settings` are TOML of `[storage.s3]`. There are the buckets
    /// `archive` and `waiting` besides.
    async fn with(policy: &str, settings: &str) -> Self {
        let world = World::with_s3(false).await;
        for bucket in [ARCHIVE, WAITING] {
            world.s3().add_bucket(bucket);
        }
        let sts = StsServer::start(world.s3().key_pairs(), Arc::new(SystemClock)).await;
        let sts = sts.expect("an STS");
        let file = world.folder().join("policy.json");
        std::fs::write(&file, policy).expect("written");
        let file = file.to_str().expect("UTF-8").to_owned();
        let node = world.node_with_sts(&sts.url(), settings);
        let node = started(with_role(node, file, IAM_ROLE).await).await;
        Self { world, sts, node }
    }

    async fn session(&self) -> Session {
        self.world.session(self.node.address()).await
    }

    /// What is on users' keys is signed by the role; what is the gateway's own by the gateway, and
    /// looks may be.
    fn each_is_signed_by_whom_it_should(&self) {
        let s3 = self.world.s3();
        let gateway = s3.access_key();
        for signed in s3.signed() {
            let looks = matches!(
                signed.operation,
                "HeadObject"
                    | "ListObjectsV2"
                    | "ListParts"
                    | "ListMultipartUploads"
                    | "AbortMultipartUpload"
            );
            let wanted = signed.own || (looks && signed.by == gateway);
            assert_eq!(signed.by == gateway, wanted, "{signed:?}");
        }
    }

    async fn try_session(&self) -> Result<Session, Stop> {
        let login = self.world.credential();
        login.try_session(self.node.address()).await
    }
}

/// The node's user has a role with the policy in `file`, and this IAM role.
async fn with_role(node: Node, file: String, iam_role: &'static str) -> Node {
    let set_up = move || {
        let role = ["role", "add", "partners", "--policy", "partners"];
        let iam = ["--iam-role", iam_role, "--external-id", "pier-1"];
        for words in [
            &["policy", "add", "partners", &file][..],
            &[&role[..], &iam[..]].concat(),
            &["user", "set", USER, "--role", "partners"],
        ] {
            node.command(words).expect("done");
        }
        node
    };
    aside(set_up).await
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_sees_the_role_for_what_its_users_do() {
    let gate = Gate::open().await;
    let s3 = gate.world.s3();
    let mut session = gate.session().await;
    s3.reset_requests();
    let content = Bytes::from_static(b"content");
    session.put("small", &content).await.expect("put");
    let large = Bytes::from(vec![7; 20 << 20]);
    session.put("large", &large).await.expect("put");
    session.put("late.filepart", &content).await.expect("put");
    session
        .rename("late.filepart", "late", false)
        .await
        .expect("renamed");
    session
        .rename("small", "moved", false)
        .await
        .expect("renamed");
    assert_eq!(session.get("late").await.expect("read").concat(), content);
    assert_eq!(session.names("").await.expect("listed").len(), 3);
    session.stat("moved").await.expect("told");
    session.remove("moved").await.expect("removed");

    gate.each_is_signed_by_whom_it_should();
    let asked = gate.sts.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0]["RoleArn"], IAM_ROLE);
    assert_eq!(asked[0]["RoleSessionName"], USER);
    assert_eq!(asked[0]["ExternalId"], "pier-1");
    assert_eq!(asked[0]["Policy"], TOLD);
}

/// It is refused for want of a right.
#[track_caller]
fn denied<T>(outcome: Result<T, Stop>) {
    let Err(refused) = outcome.map(drop) else {
        panic!("it is done");
    };
    let denied = |status: &Status| status.code == StatusCode::PermissionDenied;
    assert!(
        matches!(&refused, Stop::Refused(status) if denied(status)),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_s3_denies_the_role_is_denied() {
    let gate = Gate::open().await;
    let s3 = gate.world.s3();
    let mut session = gate.session().await;
    let content = Bytes::from_static(b"content");
    session.put("f", &content).await.expect("put");
    session.put("g.filepart", &content).await.expect("put");
    let refusal = Fault::new(Effect::Status(403, "AccessDenied"));
    s3.break_with(refusal.signed_by("role-key-1"));
    for outcome in [
        session.put("f", &Bytes::from_static(b"other")).await,
        session.rename("g.filepart", "g", false).await,
        session.remove("f").await,
        session.get("f").await.map(drop),
        session.names("").await.map(drop),
    ] {
        denied(outcome);
    }
    assert_eq!(gate.world.object("f").expect("it stands"), content);
    assert_eq!(gate.world.object("g"), None);
    assert_eq!(s3.uploads(BUCKET), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sts_that_refuses_or_fails_lets_nobody_in() {
    let gate = Gate::open().await;
    gate.session().await;
    for mood in [
        Mood::Refuses(403, "AccessDenied"),
        Mood::Refuses(500, "InternalFailure"),
    ] {
        gate.sts.set_mood(mood.clone());
        assert!(gate.try_session().await.is_err(), "{mood:?}");
    }
    let log = gate.node.log().expect("a log");
    assert!(
        log.contains("the IAM role of the user's role cannot be assumed"),
        "{log}"
    );
    assert!(
        log.contains(IAM_ROLE) && log.contains("AccessDenied"),
        "{log}"
    );
}
