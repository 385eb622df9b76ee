//! The home that an answer gives: a directory of a bucket, or mappings.

use serde_json::Value;

use super::member::{InvalidResponse, Members, wrong_type};

/// Where a user's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// `PATH`: he sees buckets and keys as they are, and begins here. Without a directory, or with
    /// `/`, he is let in and finds nothing that he may touch, as on AWS.
    Path {
        /// `/bucket/prefix`.
        directory: Option<String>,
    },
    /// `LOGICAL`: he sees what the mappings show, and nothing else.
    Logical {
        /// The mappings, one or more.
        mappings: Vec<Mapping>,
        /// Where he begins, if not at `/`.
        directory: Option<String>,
    },
}

/// One mapping of a logical home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The path that the user sees; absolute.
    pub entry: String,
    /// `/bucket/key`; it may hold variables.
    pub target: String,
    /// What stands there.
    pub kind: MappingType,
}

/// What a mapping leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MappingType {
    /// A folder.
    #[default]
    Directory,
    /// A file.
    File,
}

/// The most mappings, as on AWS.
pub(super) const MAX_MAPPINGS: usize = 50_000;
/// The longest path, in bytes, as on AWS.
const MAX_PATH: usize = 1024;

const TYPE: &str = "HomeDirectoryType";
const DETAILS: &str = "HomeDirectoryDetails";
const DIRECTORY: &str = "HomeDirectory";

pub(super) fn parse(members: &mut Members) -> Result<Home, InvalidResponse> {
    let kind = members.text(TYPE, 16)?;
    let details = members.take(DETAILS);
    let directory = members.text(DIRECTORY, MAX_PATH)?;
    if let Some(directory) = &directory {
        absolute(DIRECTORY, directory)?;
    }
    match (kind.as_deref(), details) {
        (None | Some("PATH"), None) => Ok(Home::Path { directory }),
        // Whoever names mappings means to confine his user to them.
        (None | Some("PATH"), Some(_)) => Err(InvalidResponse::new(
            DETAILS,
            "it needs a HomeDirectoryType of LOGICAL beside it",
        )),
        (Some("LOGICAL"), None) => Err(InvalidResponse::new(
            DETAILS,
            "it is missing, and HomeDirectoryType is LOGICAL",
        )),
        (Some("LOGICAL"), Some(details)) => {
            let mappings = mappings(&details)?;
            Ok(Home::Logical {
                mappings,
                directory,
            })
        }
        (Some(_), _) => Err(InvalidResponse::new(TYPE, "it is neither PATH nor LOGICAL")),
    }
}

/// Mappings come as a string that holds a JSON list. AWS takes no list as such, so an API that
/// sends one has never worked there, and is told what to do.
fn mappings(details: &Value) -> Result<Vec<Mapping>, InvalidResponse> {
    let text = match details {
        Value::String(text) => text,
        Value::Array(_) => {
            return Err(InvalidResponse::new(
                DETAILS,
                "it must be a string that holds a JSON list, and is the list itself: \
                 encode it once more (json.dumps, JSON.stringify)",
            ));
        }
        other => {
            return Err(wrong_type(
                DETAILS,
                "a string that holds a JSON list",
                other,
            ));
        }
    };
    let list: Vec<Members> = serde_json::from_str(text).map_err(|error| {
        let fault = format!(
            "the string does not hold a JSON list of objects: {}",
            place(&error)
        );
        InvalidResponse::new(DETAILS, fault)
    })?;
    if list.is_empty() || list.len() > MAX_MAPPINGS {
        let fault = format!(
            "it must hold 1 to {MAX_MAPPINGS} mappings, not {}",
            list.len()
        );
        return Err(InvalidResponse::new(DETAILS, fault));
    }
    list.into_iter().enumerate().map(mapping).collect()
}

fn mapping((at, mut members): (usize, Members)) -> Result<Mapping, InvalidResponse> {
    let inside = |mut error: InvalidResponse| {
        error.member = format!("{DETAILS}[{at}].{}", error.member);
        error
    };
    let mut path = |name| {
        let path = members.text(name, MAX_PATH)?;
        let path = path.ok_or_else(|| InvalidResponse::new(name, "it is missing"))?;
        absolute(name, &path).map(|()| path)
    };
    let entry = path("Entry").map_err(inside)?;
    let target = path("Target").map_err(inside)?;
    let kind = match members.text("Type", 16).map_err(inside)?.as_deref() {
        None | Some("DIRECTORY") => MappingType::Directory,
        Some("FILE") => MappingType::File,
        Some(_) => {
            let error = InvalidResponse::new("Type", "it is neither FILE nor DIRECTORY");
            return Err(inside(error));
        }
    };
    Ok(Mapping {
        entry,
        target,
        kind,
    })
}

fn absolute(name: &str, path: &str) -> Result<(), InvalidResponse> {
    match path.starts_with('/') && !path.contains('\0') {
        true => Ok(()),
        false => Err(InvalidResponse::new(name, "it does not begin with /")),
    }
}

/// Where the text goes wrong, and nothing of the text itself.
pub(super) fn place(error: &serde_json::Error) -> String {
    format!(
        "{:?} error at line {} column {}",
        error.classify(),
        error.line(),
        error.column()
    )
}

impl MappingType {
    /// As AWS names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "DIRECTORY",
            Self::File => "FILE",
        }
    }
}
