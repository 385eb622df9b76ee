//! What tests do to the memory store: count its requests and make some of them fail.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::ErrorKind;
use tokio::sync::Semaphore;

use crate::{Error, PartNumber};

/// A verb of the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(
    missing_docs,
    reason = "each is named as the method that it stands for"
)]
pub enum Operation {
    Put,
    Get,
    Head,
    Delete,
    Copy,
    Rename,
    List,
    CreateUpload,
    PutPart,
    CopyPart,
    CompleteUpload,
    AbortUpload,
    ListUploads,
    ListParts,
    ListVersions,
}

impl Operation {
    /// As errors name it.
    fn as_str(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get => "get",
            Self::Head => "head",
            Self::Delete => "delete",
            Self::Copy => "copy to",
            Self::Rename => "rename to",
            Self::List => "list",
            Self::CreateUpload => "begin upload of",
            Self::PutPart => "put part of",
            Self::CopyPart => "copy part of",
            Self::CompleteUpload => "complete upload of",
            Self::AbortUpload => "abort upload of",
            Self::ListUploads => "list uploads under",
            Self::ListParts => "list parts of",
            Self::ListVersions => "list versions of",
        }
    }
}

/// A request that came in, as the hook sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What it asks for.
    pub operation: Operation,
    /// The key, or for listings the prefix.
    pub key: String,
    /// The part that it is about.
    pub part: Option<PartNumber>,
}

impl Request {
    pub(super) fn new(operation: Operation, key: &str) -> Self {
        Self {
            operation,
            key: key.to_owned(),
            part: None,
        }
    }

    pub(super) fn part(mut self, number: PartNumber) -> Self {
        self.part = Some(number);
        self
    }

    pub(super) fn error(&self, kind: ErrorKind, reason: &str) -> Error {
        Error::new(kind, self.operation.as_str(), &self.key, reason)
    }
}

/// What happens to a request.
#[derive(Debug, Clone, Default)]
pub enum Fault {
    /// It is served.
    #[default]
    None,
    /// It fails and changes nothing.
    Refuse(ErrorKind),
    /// It takes effect, and its answer is lost: `Unavailable`, outcome unknown.
    LoseReply,
    /// It waits until a permit of this semaphore is free (and gives it back), then it is served.
    Hold(Arc<Semaphore>),
    /// The body of a GET breaks off with `Unavailable` after so many bytes.
    CutBody(u64),
}

type Hook = Arc<dyn Fn(&Request) -> Fault + Send + Sync>;

/// How many requests there were, by operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requests(BTreeMap<Operation, u64>);

impl Requests {
    /// Those of one operation.
    pub fn count(&self, operation: Operation) -> u64 {
        self.0.get(&operation).copied().unwrap_or(0)
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

/// The counters and the hook.
#[derive(Default)]
pub(super) struct Faults {
    requests: Mutex<Requests>,
    hook: Mutex<Option<Hook>>,
}

impl Faults {
    /// Counts `request` and asks the hook what becomes of it.
    pub(super) fn decide(&self, request: &Request) -> Fault {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.0.entry(request.operation).or_default() += 1;
        drop(requests);
        // The hook runs without the lock: it may look at the store.
        let hook = self
            .hook
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        hook.map_or(Fault::None, |hook| hook(request))
    }

    pub(super) fn requests(&self) -> Requests {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn reset(&self) {
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner) = Requests::default();
    }

    pub(super) fn set_hook(&self, hook: Option<Hook>) {
        *self.hook.lock().unwrap_or_else(PoisonError::into_inner) = hook;
    }
}
