//! Every verb that a path can be given to, as packets, and what was answered.

use bytes::Bytes;
use sftp::{Attributes, Extended, OpenFlags, Reply, Request, Status, StatusCode, Times, Write};
use testkit::client::Session;

use crate::world::{OWN, SECRET};

/// Files of his own that verbs with two paths need.
const BAIT: &str = "bait";
const HOOKED: &str = "hooked";

/// What was answered to each verb, in words. Nothing that is answered may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answers(pub(crate) Vec<(&'static str, String)>);

impl Answers {
    /// The same with one word in the place of another, so that answers about two names compare.
    pub(crate) fn called(mut self, name: &str, otherwise: &str) -> Self {
        for (_, answer) in &mut self.0 {
            *answer = answer.replace(name, otherwise);
        }
        self
    }

    /// Fails where a verb was answered by anything but a refusal.
    #[track_caller]
    pub(crate) fn refused(&self) {
        // How much room there is tells nothing.
        let answers = self.0.iter().filter(|(verb, _)| *verb != "statvfs");
        for (verb, answer) in answers {
            let refused = [
                "PermissionDenied",
                "NoSuchFile",
                "OpUnsupported",
                "Failure",
                "BadMessage",
            ];
            // What was opened must be refused by CLOSE, where bytes would be published.
            let end = answer.rsplit(", ").next().unwrap_or_default();
            let refused = refused
                .iter()
                .any(|code| answer.starts_with(code) || end.starts_with(code));
            assert!(refused, "{verb}: {answer}");
        }
    }

    /// Fails where a verb was answered by anything but that he may not, or nobody can.
    #[track_caller]
    pub(crate) fn denied(&self) {
        for (verb, answer) in &self.0 {
            let denied =
                answer.starts_with("PermissionDenied") || answer.starts_with("OpUnsupported");
            assert!(denied, "{verb}: {answer}");
        }
    }
}

/// Tries all of them at a path.
pub(crate) async fn every_verb(session: &mut Session, path: &[u8]) -> Answers {
    let path = Bytes::copy_from_slice(path);
    let (mut answers, mut baited) = (Vec::new(), false);
    for (verb, request) in requests(&path) {
        let bites = matches!(verb, "rename to" | "replace by");
        if bites && !baited {
            let own = Bytes::from_static(OWN.as_bytes());
            session.put(BAIT, &own).await.expect("his own file");
            baited = true;
        }
        let told = answer(session, &request).await;
        if told.starts_with("Ok") && bites {
            baited = false;
        }
        if told.starts_with("Ok") && verb.ends_with("from") {
            session.remove(HOOKED).await.expect("his own file");
        }
        answers.push((verb, told));
    }
    if baited {
        session.remove(BAIT).await.expect("his own file");
    }
    Answers(answers)
}

pub(crate) fn requests(path: &Bytes) -> Vec<(&'static str, Request)> {
    let open = |flags: OpenFlags| Request::Open {
        path: path.clone(),
        flags,
        attributes: Attributes::default(),
    };
    let (bait, hooked) = (
        Bytes::from_static(BAIT.as_bytes()),
        Bytes::from_static(HOOKED.as_bytes()),
    );
    let (read, write, create) = (OpenFlags::READ, OpenFlags::WRITE, OpenFlags::CREATE);
    let path = || path.clone();
    vec![
        ("open to read", open(read)),
        ("stat", Request::Stat { path: path() }),
        ("lstat", Request::Lstat { path: path() }),
        (
            "statvfs",
            Request::Extended(Extended::Statvfs { path: path() }),
        ),
        ("opendir", Request::Opendir { path: path() }),
        ("readlink", Request::Readlink { path: path() }),
        (
            "setstat",
            Request::Setstat {
                path: path(),
                attributes: times(),
            },
        ),
        (
            "lsetstat",
            Request::Extended(Extended::Lsetstat {
                path: path(),
                attributes: mode(),
            }),
        ),
        (
            "cut",
            Request::Setstat {
                path: path(),
                attributes: empty(),
            },
        ),
        ("open to change", open(write)),
        ("open to read and write", open(read | write)),
        ("open to append", open(write | OpenFlags::APPEND)),
        ("open anew", open(write | create | OpenFlags::EXCLUSIVE)),
        ("open to write", open(write | create | OpenFlags::TRUNCATE)),
        (
            "rename from",
            Request::Rename {
                from: path(),
                to: hooked.clone(),
            },
        ),
        ("replace from", posix_rename(path(), hooked.clone())),
        (
            "rename to",
            Request::Rename {
                from: bait.clone(),
                to: path(),
            },
        ),
        ("replace by", posix_rename(bait.clone(), path())),
        (
            "link from",
            Request::Symlink {
                target: path(),
                link: hooked.clone(),
            },
        ),
        (
            "link to",
            Request::Symlink {
                target: bait.clone(),
                link: path(),
            },
        ),
        ("hard link from", hard_link(path(), hooked)),
        ("hard link to", hard_link(bait, path())),
        ("remove", Request::Remove { path: path() }),
        (
            "mkdir",
            Request::Mkdir {
                path: path(),
                attributes: Attributes::default(),
            },
        ),
        ("rmdir", Request::Rmdir { path: path() }),
    ]
}

fn posix_rename(from: Bytes, to: Bytes) -> Request {
    Request::Extended(Extended::PosixRename { from, to })
}

fn hard_link(from: Bytes, to: Bytes) -> Request {
    Request::Extended(Extended::Hardlink { from, to })
}

fn times() -> Attributes {
    Attributes {
        times: Some(Times {
            accessed: 1_000_000_000,
            modified: 1_000_000_000,
        }),
        ..Attributes::default()
    }
}

fn mode() -> Attributes {
    Attributes {
        permissions: Some(0o600),
        ..Attributes::default()
    }
}

fn empty() -> Attributes {
    Attributes {
        size: Some(0),
        ..Attributes::default()
    }
}

/// One request and, where it opens something, what can be done with that.
pub(crate) async fn answer(session: &mut Session, request: &Request) -> String {
    let reply = session.sftp().call(request).await.expect("answered");
    let told = match reply {
        Reply::Status(status) => words(&status),
        Reply::Handle(handle) => {
            let used = match request {
                Request::Opendir { .. } => names(session, &handle).await,
                Request::Open { flags, .. } if flags.contains(OpenFlags::WRITE) => {
                    write(session, &handle).await
                }
                _ => read(session, &handle).await,
            };
            let closed = session.sftp().status(&Request::Close { handle }).await;
            format!("open: {used}, {}", words(&closed.expect("answered")))
        }
        // Times differ.
        Reply::Attributes(found) => format!("attributes: {:?} {:?}", found.size, found.permissions),
        Reply::Name(names) => format!("names: {names:?}"),
        Reply::Data(data) => format!("data: {data:?}"),
        Reply::Extended(_) => "an answer".to_owned(),
    };
    assert!(!told.contains(SECRET), "{request:?}: {told}");
    told
}

pub(crate) fn words(status: &Status) -> String {
    let text = String::from_utf8_lossy(&status.message);
    format!("{:?}: {text}", status.code)
}

async fn read(session: &mut Session, handle: &Bytes) -> String {
    let request = Request::Read {
        handle: handle.clone(),
        offset: 0,
        length: 1024,
    };
    match session.sftp().call(&request).await.expect("answered") {
        Reply::Status(status) => words(&status),
        Reply::Data(data) => format!("data {:?}", String::from_utf8_lossy(&data)),
        reply => panic!("{reply:?}"),
    }
}

async fn write(session: &mut Session, handle: &Bytes) -> String {
    let write = Write {
        handle: handle.clone(),
        offset: 0,
        data: Bytes::from_static(OWN.as_bytes()),
    };
    let id = session.sftp().fresh_id();
    session.sftp().send_write(id, &write).await.expect("sent");
    match session.sftp().reply().await.expect("answered").1 {
        Reply::Status(status) => words(&status),
        reply => panic!("{reply:?}"),
    }
}

async fn names(session: &mut Session, handle: &Bytes) -> String {
    let mut names = Vec::new();
    loop {
        let handle = handle.clone();
        let request = Request::Readdir { handle };
        match session.sftp().call(&request).await.expect("answered") {
            Reply::Name(found) => names.extend(found.into_iter().map(|name| name.name)),
            Reply::Status(status) if status.code == StatusCode::Eof => break,
            Reply::Status(status) => return words(&status),
            reply => panic!("{reply:?}"),
        }
    }
    names.sort();
    format!("names {names:?}")
}
