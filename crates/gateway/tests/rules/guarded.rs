//! Whatever policies say and whatever a client does: no key is touched of which the slow obvious
//! evaluator says no, and nothing is refused of which it says yes.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use database::{Mapping, MappingKind, NewRole, RoleChanges};
use gateway::{AttributeChanges, Overwrite, Session, Settings, Unfinished};
use model::{Clock, ErrorKind, UserName};
use policy::{Operation, S3Action, Subject};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::Value;
use storage::memory::{Fault, Operation as Asks, Request};

use crate::generate::{Asked, Person};
use crate::oracle::{self, Verdict};
use crate::world::{SessionExt, World, flags, path};

/// The address that tests log in from.
const ADDRESS: [u8; 4] = [192, 0, 2, 7];

/// What a client does, at which key of bucket `b`, towards which other one.
#[derive(Debug, Clone)]
struct Deed {
    operation: Operation,
    key: &'static str,
    to: &'static str,
}

fn deed() -> impl Strategy<Value = Deed> {
    use Operation::{
        Change, Create, List, MakeDirectory, Overwrite, Read, Remove, RemoveDirectory, Rename,
        RenameTemporary, SetAttributes, Stat,
    };
    let operations = vec![
        Read,
        Create,
        Overwrite,
        Change,
        List,
        Stat,
        SetAttributes,
        MakeDirectory,
        RemoveDirectory,
        Remove,
        Rename,
        RenameTemporary,
    ];
    let key = proptest::sample::select(vec![
        "h/a", "h/a/x", "h/a2/x", "h/*/x", "h/a/a/x", "x", "a*",
    ]);
    let to = proptest::sample::select(vec!["h/a/to", "h/a2/to", "to"]);
    let deed = (proptest::sample::select(operations), key, to);
    deed.prop_map(|(operation, key, to)| Deed { operation, key, to })
        .prop_filter("a directory into itself", |deed| {
            !deed.to.starts_with(&format!("{}/", deed.key))
        })
}

/// Whether the slow evaluator grants all that an operation needs.
fn is_granted(deed: &Deed, sets: &[Vec<Value>], person: &Person) -> bool {
    deed.operation.needs().iter().all(|alternatives| {
        alternatives.iter().any(|need| {
            let key = match need.subject {
                Subject::TargetObject | Subject::TargetMarker => deed.to,
                _ => deed.key,
            };
            let slash = format!("{key}/");
            let (key, prefix) = match need.subject {
                Subject::Object | Subject::TargetObject => (Some(key.to_owned()), None),
                Subject::Marker | Subject::TargetMarker => (Some(slash), None),
                Subject::Listing => (None, Some(slash)),
                Subject::Name => (None, Some(key.to_owned())),
            };
            grants(need.action, key, prefix, sets, person)
        })
    })
}

fn grants(
    action: S3Action,
    key: Option<String>,
    prefix: Option<String>,
    sets: &[Vec<Value>],
    person: &Person,
) -> bool {
    let asked = Asked {
        action,
        bucket: "b".to_owned(),
        key,
        prefix,
        max_keys: None,
        encryption: None,
        kms_key: None,
    };
    oracle::decide(sets, person, &asked) == Verdict::Allowed
}

/// Whether what the store was asked for is granted: bytes, and changes of them.
fn may_ask(request: &Request, sets: &[Vec<Value>], person: &Person) -> bool {
    let action = match request.operation {
        Asks::Get => S3Action::GetObject,
        Asks::Delete => S3Action::DeleteObject,
        // Which names are there is looked for by who has any right to them.
        Asks::Head | Asks::List => return true,
        _ => S3Action::PutObject,
    };
    let staged = request.key.starts_with(".pierhead/");
    staged || grants(action, Some(request.key.clone()), None, sets, person)
}

async fn prepare(deed: &Deed, world: &World) {
    for key in world.keys().await {
        let key = crate::world::object_key(&key);
        let deleted = storage::ObjectStore::delete(&world.store, &key, None).await;
        deleted.expect("a healthy store");
    }
    match deed.operation {
        Operation::Create | Operation::MakeDirectory | Operation::RenameTemporary => {}
        Operation::RemoveDirectory => world.seed(&format!("{}/", deed.key), "").await,
        Operation::List => world.seed(&format!("{}/f", deed.key), "bytes").await,
        _ => world.seed(deed.key, "old bytes").await,
    }
}

async fn run(deed: &Deed, session: &Arc<Session>) -> gateway::Result<()> {
    let (at, to) = (format!("/b/{}", deed.key), format!("/b/{}", deed.to));
    let rewrite = async |piece: &str| {
        let handle = session.open(&path(&at), &flags("W")).await?;
        session.write(handle, 0, piece.as_bytes())?;
        session.close(handle).await
    };
    let mode = AttributeChanges {
        mode: Some(0o600),
        ..AttributeChanges::default()
    };
    match deed.operation {
        Operation::Read => session.text(&at).await.map(drop),
        Operation::Create => session.put(&at, "new").await,
        Operation::Overwrite => rewrite("new bytes").await,
        Operation::Change => rewrite("new").await,
        Operation::List => session.list(&at).await.map(drop),
        Operation::Stat => session.stat(&path(&at)).await.map(drop),
        Operation::SetAttributes => session.set_attributes(&path(&at), &mode).await,
        Operation::MakeDirectory => session.make_directory(&path(&at), &mode).await,
        Operation::RemoveDirectory => session.remove_directory(&path(&at)).await,
        Operation::Remove => session.remove(&path(&at)).await,
        Operation::RenameTemporary => {
            let from = format!("{at}.tmp");
            session.put(&from, "new").await?;
            let (from, to) = (path(&from), path(&to));
            let renamed = session.rename(&from, &to, Overwrite::Replace).await;
            if renamed.is_err() {
                // Where he may not remove it, the next case has another user.
                drop(session.remove(&from).await);
            }
            renamed
        }
        _ => {
            session
                .rename(&path(&at), &path(&to), Overwrite::Replace)
                .await
        }
    }
}

/// Where the temporary name is what is renamed, that is what the operation is about.
fn as_asked(deed: &Deed) -> Deed {
    let key = match deed.operation {
        Operation::RenameTemporary => Box::leak(format!("{}.tmp", deed.key).into_boxed_str()),
        _ => deed.key,
    };
    Deed {
        key,
        ..deed.clone()
    }
}

async fn login(sets: &[Vec<Value>], person: &Person, world: &World) -> Arc<Session> {
    let now = world.clock.now();
    let mut names = Vec::new();
    for (number, document) in sets.first().into_iter().flatten().enumerate() {
        let (name, text) = (format!("p{number}"), document.to_string());
        if world
            .database
            .policies()
            .by_name(&name)
            .await
            .expect("read")
            .is_some()
        {
            let replaced = world.database.policies().replace(&name, &text, now).await;
            replaced.expect("saved");
        } else {
            let created = world.database.policies().create(&name, &text, now).await;
            created.expect("saved");
        }
        names.push(name);
    }
    let changes = RoleChanges {
        policies: Some(names),
        ..RoleChanges::default()
    };
    let changed = world.database.roles().update("role", changes, now).await;
    changed.expect("saved");
    let session_policy = sets.get(1).map(|documents| documents[0].to_string());
    let home = person
        .home
        .as_ref()
        .map(|(bucket, folder)| format!("/{bucket}/{folder}"));
    let name = UserName::parse(&person.name).expect("valid");
    let mapping = Mapping {
        entry: "/b".to_owned(),
        target: "/b".to_owned(),
        kind: MappingKind::Directory,
        permissions: None,
    };
    let home = home.unwrap_or_default();
    let user = world.user(&home, |user| {
        user.name = name;
        user.role = Some("role".to_owned());
        user.session_policy = session_policy;
        user.mappings = vec![mapping];
    });
    user.await;
    world.login(&person.name).await.expect("a session")
}

/// How many answers of each kind there were.
#[derive(Debug, Default)]
struct Seen {
    granted: AtomicUsize,
    refused: AtomicUsize,
}

async fn check(
    sets: &[Vec<Value>],
    person: &Person,
    deeds: &[Deed],
    world: &World,
    seen: &Seen,
) -> Result<(), TestCaseError> {
    let session = login(sets, person, world).await;
    for deed in deeds {
        world.store.clear_faults();
        prepare(deed, world).await;
        let asked: Arc<Mutex<Vec<Request>>> = Arc::default();
        let record = Arc::clone(&asked);
        world.store.on_request(move |request| {
            record.lock().expect("no panic").push(request.clone());
            Fault::None
        });
        let answer = Box::pin(run(deed, &session)).await;
        let refused = matches!(&answer, Err(error) if error.kind() == ErrorKind::Denied);
        let granted = is_granted(&as_asked(deed), sets, person);
        let counter = if granted {
            &seen.granted
        } else {
            &seen.refused
        };
        counter.fetch_add(1, Relaxed);
        prop_assert_eq!(!refused, granted, "{:?} {:?}: {:?}", person, deed, answer);
        for request in asked.lock().expect("no panic").iter() {
            let may = may_ask(request, sets, person);
            prop_assert!(may, "{:?} {:?} asked for {:?}", person, deed, request);
        }
    }
    world.store.clear_faults();
    let id = session_user(&session, world).await;
    session.end().await;
    world.database.users().remove(id).await.expect("removed");
    Ok(())
}

async fn session_user(session: &Session, world: &World) -> model::UserId {
    let servers = world.database.servers().list().await.expect("read");
    let users = world.database.users();
    let user = users.by_name(&servers[0].id, session.user()).await;
    user.expect("read").expect("there").id
}

/// The slow evaluator's clock stands still, and session policies are one short document.
fn sets() -> impl Strategy<Value = Vec<Vec<Value>>> {
    let one_each = |mut sets: Vec<Vec<Value>>| {
        sets.iter_mut()
            .skip(1)
            .for_each(|documents| documents.truncate(1));
        sets
    };
    let fits = |sets: &Vec<Vec<Value>>| {
        let text = format!("{sets:?}").to_lowercase();
        let short = |documents: &Vec<Value>| documents[0].to_string().chars().count() <= 2_048;
        !text.contains("currenttime")
            && !text.contains("epochtime")
            && sets.iter().skip(1).all(short)
    };
    crate::documents::sets()
        .prop_map(one_each)
        .prop_filter("fit for a session", fits)
}

#[test]
fn no_key_is_touched_and_nothing_is_refused_but_as_the_slow_evaluator_says() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let world = runtime.block_on(async {
        // What a CLOSE was refused for is not to be in the way of the next deed.
        let settings = Settings {
            unfinished: Unfinished::Discard,
            ..Settings::default()
        };
        let world = World::with(|_| {}, settings).await;
        let role = NewRole {
            name: "role".to_owned(),
            ..NewRole::default()
        };
        let created = world
            .database
            .roles()
            .create(&role, world.clock.now())
            .await;
        created.expect("saved");
        world
    });
    let config = Config {
        cases: 96,
        failure_persistence: None,
        ..Config::default()
    };
    let cases = (
        sets(),
        crate::generate::person(),
        prop::collection::vec(deed(), 1..6),
    );
    let seen = Seen::default();
    let outcome = TestRunner::new(config).run(&cases, |(sets, person, deeds)| {
        let person = Person {
            source_ip: Some(ADDRESS),
            secure: true,
            ..person
        };
        runtime.block_on(check(&sets, &person, &deeds, &world, &seen))
    });
    outcome.expect("as the slow evaluator says");
    let (granted, refused) = (seen.granted.load(Relaxed), seen.refused.load(Relaxed));
    assert!(
        granted > 20 && refused > 20,
        "{granted} granted, {refused} refused: too few to tell"
    );
}
