//! What is refused, what the client is told, and what staff finds in the audit log.

use gateway::{AttributeChanges, Overwrite};
use model::{Clock as _, ErrorKind, Timestamp};
use serde_json::json;

use crate::roles::{allowing, document, with};
use crate::world::{SessionExt, World, flags, path};

const ALL: [&str; 3] = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"];

#[tokio::test]
async fn what_policy_denies_is_refused_by_every_verb_before_the_store_is_asked() {
    let world = World::new().await;
    world
        .role(
            "nothing",
            &document(&json!([{
                "Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"
            }])),
        )
        .await;
    world.seed("home/f", "bytes").await;
    let session = world.session_of("/b/home", with("nothing")).await;
    let (f, g) = (path("/f"), path("/g"));
    let mode = AttributeChanges {
        mode: Some(0o600),
        ..AttributeChanges::default()
    };
    let all = async {
        vec![
            session.open(&f, &flags("R")).await.map(drop),
            session.open(&f, &flags("W")).await.map(drop),
            session.open(&g, &flags("WCT")).await.map(drop),
            session.open(&g, &flags("WCX")).await.map(drop),
            session.open(&f, &flags("WA")).await.map(drop),
            session.open(&f, &flags("RWC")).await.map(drop),
            session.open_directory(&path("/")).await.map(drop),
            session.stat(&f).await.map(drop),
            session.stat(&path("/")).await.map(drop),
            session.set_attributes(&f, &mode).await,
            session.make_directory(&g, &mode).await,
            session.remove_directory(&g).await,
            session.remove(&f).await,
            session.rename(&f, &g, Overwrite::Refuse).await,
            session.rename(&f, &g, Overwrite::Replace).await,
            session.space(&path("/")).await.map(drop),
        ]
    };
    let (answers, requests) = world.count(all).await;
    for (verb, answer) in answers.into_iter().enumerate() {
        let refused = answer.expect_err("refused");
        assert_eq!(refused.kind(), ErrorKind::Denied, "verb {verb}: {refused}");
    }
    assert_eq!(requests, "");
    assert_eq!(world.object("home/f").await.as_deref(), Some("bytes"));
}

#[tokio::test]
async fn the_client_learns_operation_and_path_and_staff_the_statement() {
    let world = World::new().await;
    let statements = json!([
        { "Effect": "Allow", "Action": "s3:*", "Resource": "*" },
        {
            "Sid": "KeepReports",
            "Effect": "Deny",
            "Action": "s3:DeleteObject",
            "Resource": "arn:aws:s3:::b/home/reports/*",
        },
    ]);
    world.role("partners", &document(&statements)).await;
    let session = world.session_of("/b/home", with("partners")).await;
    let refused = session.remove(&path("/reports/q3.csv")).await;
    let refused = refused.expect_err("denied").to_string();
    let told = "remove /reports/q3.csv: you have no permission to delete here";
    assert_eq!(refused, told);
    // A later write of the same class is behind the note in the queue.
    let writer = world.database.writer();
    let later = database::AuditEntry::new(
        "later",
        database::Outcome::Success,
        Timestamp::from_seconds(9),
    );
    writer.record(Some(later), None).await.expect("written");
    let entries = world
        .database
        .audit()
        .since(Timestamp::from_seconds(0), 100)
        .await;
    let entries = entries.expect("read");
    let row = entries
        .iter()
        .find(|entry| entry.outcome == database::Outcome::Refused);
    let row = row.expect("a row");
    assert_eq!(row.path.as_deref(), Some("/reports/q3.csv"));
    assert_eq!(row.action, "remove");
    assert_eq!(row.user.as_deref(), Some(session.user().as_str()));
    assert_eq!(row.detail["by"], "policy");
    assert_eq!(
        row.detail["reason"],
        "role \"partners\", policy \"partners\", statement 2 (\"KeepReports\") denies \
         s3:DeleteObject on arn:aws:s3:::b/home/reports/q3.csv"
    );
}

impl World {
    /// The audit log so far. Rows of refusals are not waited for; what is written behind them comes
    /// after them.
    async fn audit_rows(&self) -> Vec<database::AuditEntry> {
        let last = database::AuditEntry::new("last", database::Outcome::Success, self.clock.now());
        let written = self.database.writer().record(Some(last), None).await;
        written.expect("written");
        let rows = self.database.audit();
        let rows = rows.since(Timestamp::from_seconds(0), 1000).await;
        rows.expect("read")
    }
}

/// He may rename the folder, and not all that is in it; and he may not list it.
#[tokio::test]
async fn a_rename_that_is_refused_for_what_is_in_the_folder_does_not_name_it() {
    let world = World::new().await;
    let allowed = json!([
        { "Effect": "Allow", "Action": ALL, "Resource": "arn:aws:s3:::b/home/*" },
        { "Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/home/d/payroll/*" },
    ]);
    world.role("partners", &document(&allowed)).await;
    world.seed("home/d/payroll/ann", "bytes").await;
    let session = world.session_of("/b/home", with("partners")).await;
    let (from, to) = (path("/d"), path("/e"));
    let renamed = session.rename(&from, &to, Overwrite::Refuse);
    let refused = renamed.await.expect_err("refused");
    assert_eq!(refused.kind(), ErrorKind::Denied);
    assert_eq!(
        refused.to_string(),
        "rename /d: you have no permission to rename everything in it"
    );
    let named = |row: &database::AuditEntry| row.path.as_deref() == Some("/d/payroll/ann");
    assert!(
        world.audit_rows().await.iter().any(named),
        "staff learn which"
    );
}

/// Sending is all that he may do.
#[tokio::test]
async fn who_may_not_look_is_told_the_same_of_nothing_as_of_what_he_may_not_rename_or_remove() {
    let world = World::new().await;
    let put = allowing(&["s3:PutObject", "s3:DeleteObject"], "home/");
    let put = put.replace("s3:ListBucket", "s3:ListBucketVersions");
    world.role("partners", &put).await;
    world.seed("home/there", "bytes").await;
    let session = world.session_of("/b/home", with("partners")).await;
    let to = path("/to");
    for name in ["/there", "/absent"] {
        let renamed = session.rename(&path(name), &to, Overwrite::Refuse).await;
        let refused = renamed.expect_err("refused").to_string();
        assert_eq!(
            refused,
            format!("rename {name} to /to: you have no permission to rename there")
        );
        let removed = session.remove_directory(&path(name)).await;
        let refused = removed.expect_err("refused").to_string();
        assert!(refused.ends_with("no such file or directory"), "{refused}");
    }
}

#[tokio::test]
async fn who_gets_no_session_has_an_audit_row_that_says_why() {
    let settings = gateway::Settings {
        max_sessions_per_user: 1,
        ..gateway::Settings::default()
    };
    let world = World::with(|_| {}, settings).await;
    let stranger = world.user("/b/home", with("nobody")).await;
    world
        .login(&stranger)
        .await
        .expect_err("there is no such role");
    let homeless = world.user("/b/.pierhead", |_| {}).await;
    world.login(&homeless).await.expect_err("that is no home");
    let twice = world.user("/b/home", |_| {}).await;
    let _first = world.login(&twice).await.expect("a session");
    world.login(&twice).await.expect_err("one at most");
    let rows = world.audit_rows().await;
    for (user, why) in [
        (&stranger, "role \"nobody\" does not exist"),
        (&homeless, "lies in the reserved prefix"),
        (&twice, "you have as many sessions open as you may"),
    ] {
        let row = rows
            .iter()
            .find(|row| row.action == "session" && row.user.as_deref() == Some(user.as_str()));
        let row = row.expect("a row");
        assert_eq!(row.outcome, database::Outcome::Refused);
        assert!(row.user_id.is_some() && row.address.is_some());
        let reason = row.detail["reason"].as_str().unwrap_or_default();
        assert!(reason.contains(why), "{reason}");
    }
}

#[tokio::test]
async fn a_session_policy_takes_away_and_never_gives() {
    let world = World::new().await;
    world.role("home", &allowing(&ALL, "home/")).await;
    world.seed("home/in/f", "in").await;
    world.seed("home/out/f", "out").await;
    world.seed("other/f", "other").await;
    let narrowed = world
        .session_of("/b", |user| {
            user.role = Some("home".to_owned());
            user.session_policy = Some(allowing(&["s3:GetObject"], ""));
        })
        .await;
    let kind = |outcome: gateway::Result<()>| outcome.err().map(|error| error.kind());
    assert_eq!(narrowed.text("/home/in/f").await.expect("read"), "in");
    assert_eq!(
        kind(narrowed.put("/home/in/g", "").await),
        Some(ErrorKind::Denied)
    );
    assert_eq!(
        kind(narrowed.text("/other/f").await.map(drop)),
        Some(ErrorKind::Denied)
    );
    let alone = world
        .session_of("/b", |user| {
            user.session_policy = Some(allowing(&ALL, "home/in/"))
        })
        .await;
    alone.put("/home/in/g", "new").await.expect("allowed");
    assert_eq!(
        kind(alone.text("/home/out/f").await.map(drop)),
        Some(ErrorKind::Denied)
    );
}

#[tokio::test]
async fn what_may_not_be_listed_is_refused_and_not_half_shown() {
    let world = World::new().await;
    let statements = json!([
        { "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" },
        {
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::b",
            "Condition": {
                "StringLike": { "s3:prefix": ["home/in", "home/in/*"] },
                "StringEquals": { "s3:delimiter": "/" },
            },
        },
    ]);
    world.role("lists", &document(&statements)).await;
    world.seed("home/in/f", "").await;
    world.seed("home/out/g", "").await;
    let session = world.session_of("/b/home", with("lists")).await;
    for at in ["/", "/out", "/in2"] {
        let refused = session.open_directory(&path(at)).await;
        assert_eq!(refused.expect_err(at).kind(), ErrorKind::Denied, "{at}");
    }
    assert_eq!(session.names("/in").await, ["f"]);
}

#[tokio::test]
async fn a_directory_goes_whole_or_not_at_all() {
    let world = World::new().await;
    let statements = json!([
        { "Effect": "Allow", "Action": "s3:*", "Resource": "*" },
        { "Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::b/home/d/z/kept" },
    ]);
    world.role("partners", &document(&statements)).await;
    for key in ["home/d/a", "home/d/z/kept", "home/e/a"] {
        world.seed(key, "").await;
    }
    let session = world.session_of("/b/home", with("partners")).await;
    let refused = session
        .rename(&path("/d"), &path("/d2"), Overwrite::Refuse)
        .await;
    let refused = refused.expect_err("one of them may not go");
    assert_eq!(refused.kind(), ErrorKind::Denied);
    assert!(refused.to_string().contains("/d/z/kept"), "{refused}");
    let renamed = session
        .rename(&path("/e"), &path("/e2"), Overwrite::Refuse)
        .await;
    renamed.expect("renamed");
    assert_eq!(
        world.keys().await,
        ["home/d/a", "home/d/z/kept", "home/e2/a"]
    );
}

#[tokio::test]
async fn a_rename_onto_a_file_needs_both_ends() {
    let world = World::new().await;
    world.role("in", &allowing(&ALL, "home/in/")).await;
    world.seed("home/in/f", "new").await;
    world.seed("home/in/g", "old").await;
    world.seed("home/out/g", "theirs").await;
    let session = world.session_of("/b/home", with("in")).await;
    for overwrite in [Overwrite::Refuse, Overwrite::Replace] {
        let refused = session
            .rename(&path("/in/f"), &path("/out/g"), overwrite)
            .await;
        assert_eq!(refused.expect_err("not there").kind(), ErrorKind::Denied);
        let refused = session
            .rename(&path("/out/g"), &path("/in/g"), overwrite)
            .await;
        assert_eq!(
            refused.expect_err("not from there").kind(),
            ErrorKind::Denied
        );
    }
    let renamed = session
        .rename(&path("/in/f"), &path("/in/g"), Overwrite::Replace)
        .await;
    renamed.expect("inside");
    assert_eq!(world.keys().await, ["home/in/g", "home/out/g"]);
    assert_eq!(world.object("home/out/g").await.as_deref(), Some("theirs"));
}
