//! `Operation`: a request whose paths are clean and whose handles are ours.

use bytes::Bytes;
use gateway::{AttributeChanges, HandleId, OpenOptions, Overwrite, Session};
use model::VirtualPath;
use sftp::{Extended, Request, Status, StatusCode};

use super::attributes::{changes, open_options};
use super::status;

/// What is to be done, in the gateway's words. READ, READDIR and CLOSE go by their handle's lane.
#[derive(Debug)]
pub(super) enum Operation {
    Open(VirtualPath, OpenOptions),
    OpenDirectory(VirtualPath),
    Close(HandleId),
    Stat(VirtualPath),
    Lstat(VirtualPath),
    StatHandle(HandleId),
    SetAttributes(VirtualPath, AttributeChanges),
    SetHandleAttributes(HandleId, AttributeChanges),
    Remove(VirtualPath),
    MakeDirectory(VirtualPath, AttributeChanges),
    RemoveDirectory(VirtualPath),
    Canonicalise(VirtualPath),
    Rename(VirtualPath, VirtualPath, Overwrite),
    CopyData {
        from: HandleId,
        from_offset: u64,
        length: u64,
        to: HandleId,
        to_offset: u64,
    },
    Sync(HandleId),
    Space(VirtualPath),
    HandleSpace(HandleId),
    Names {
        users: Vec<u32>,
        groups: Vec<u32>,
    },
    Limits,
}

impl Operation {
    /// Reads a request.
    ///
    /// # Errors
    /// The status to answer with, for paths and handles that cannot be and for what is not offered.
    pub(super) fn read(request: Request, session: &Session) -> Result<Self, Status> {
        let path = |raw: &Bytes| session.resolve(raw).map_err(|error| status::of(&error));
        Ok(match request {
            Request::Open {
                path: raw,
                flags,
                attributes,
            } => Self::Open(path(&raw)?, open_options(flags, &attributes)),
            Request::Opendir { path: raw } => Self::OpenDirectory(path(&raw)?),
            Request::Close { handle } => Self::Close(handle_id(&handle)?),
            Request::Stat { path: raw } => Self::Stat(path(&raw)?),
            Request::Lstat { path: raw } => Self::Lstat(path(&raw)?),
            Request::Fstat { handle } => Self::StatHandle(handle_id(&handle)?),
            Request::Setstat {
                path: raw,
                attributes,
            } => Self::SetAttributes(path(&raw)?, changes(&attributes)),
            Request::Fsetstat { handle, attributes } => {
                Self::SetHandleAttributes(handle_id(&handle)?, changes(&attributes))
            }
            Request::Remove { path: raw } => Self::Remove(path(&raw)?),
            Request::Mkdir {
                path: raw,
                attributes,
            } => Self::MakeDirectory(path(&raw)?, changes(&attributes)),
            Request::Rmdir { path: raw } => Self::RemoveDirectory(path(&raw)?),
            Request::Realpath { path: raw } => Self::Canonicalise(path(&raw)?),
            Request::Rename { from, to } => {
                Self::Rename(path(&from)?, path(&to)?, Overwrite::Refuse)
            }
            Request::Readlink { .. } | Request::Symlink { .. } => {
                return Err(status::unsupported("a symbolic link"));
            }
            Request::Extended(extended) => Self::read_extended(extended, session)?,
            Request::Unknown { kind, .. } => {
                return Err(status::unsupported(&format!("a request of type {kind}")));
            }
            // Served by lanes, before anything comes here.
            Request::Read { .. } | Request::Readdir { .. } => return Err(status::bad_handle()),
        })
    }

    fn read_extended(extended: Extended, session: &Session) -> Result<Self, Status> {
        let path = |raw: &Bytes| session.resolve(raw).map_err(|error| status::of(&error));
        Ok(match extended {
            Extended::Limits => Self::Limits,
            Extended::PosixRename { from, to } => {
                Self::Rename(path(&from)?, path(&to)?, Overwrite::Replace)
            }
            Extended::Fsync { handle } => Self::Sync(handle_id(&handle)?),
            Extended::Statvfs { path: raw } => Self::Space(path(&raw)?),
            Extended::Fstatvfs { handle } => Self::HandleSpace(handle_id(&handle)?),
            Extended::Lsetstat {
                path: raw,
                attributes,
            } => Self::SetAttributes(path(&raw)?, changes(&attributes)),
            Extended::CopyData {
                from,
                from_offset,
                length,
                to,
                to_offset,
            } => Self::CopyData {
                from: handle_id(&from)?,
                from_offset,
                length,
                to: handle_id(&to)?,
                to_offset,
            },
            Extended::ExpandPath { path: raw } => Self::Canonicalise(path(&expand(&raw)?)?),
            Extended::UsersGroupsById { users, groups } => Self::Names { users, groups },
            Extended::Hardlink { .. } => return Err(status::unsupported("a hard link")),
            Extended::CheckFileName { .. }
            | Extended::CheckFileHandle { .. }
            | Extended::Md5HashName { .. }
            | Extended::Md5HashHandle { .. } => {
                return Err(status::unsupported("a checksum of a file"));
            }
            Extended::Unknown { name, .. } => {
                let name = String::from_utf8_lossy(&name);
                return Err(status::unsupported(&format!(
                    "the extension {}",
                    name.escape_debug()
                )));
            }
        })
    }
}

/// The handle as it is on the wire: four bytes, so that clients that subtract its length from
/// their blocks keep good sizes.
pub(super) fn handle_bytes(handle: HandleId) -> Bytes {
    Bytes::copy_from_slice(&handle.0.to_be_bytes())
}

pub(super) fn handle_id(bytes: &[u8]) -> Result<HandleId, Status> {
    let bytes: [u8; 4] = bytes.try_into().map_err(|_| status::bad_handle())?;
    Ok(HandleId(u32::from_be_bytes(bytes)))
}

/// `~` is the home directory, where relative paths begin. Those of others are nobody's business.
fn expand(raw: &Bytes) -> Result<Bytes, Status> {
    match raw.strip_prefix(b"~") {
        None => Ok(raw.clone()),
        Some([]) => Ok(Bytes::from_static(b".")),
        Some([b'/', rest @ ..]) => {
            let relative = rest.iter().position(|b| *b != b'/').unwrap_or(rest.len());
            Ok(raw.slice(2 + relative..))
        }
        Some(_) => Err(Status::new(
            StatusCode::NoSuchFile,
            &b"the home directory of another user is not to be had"[..],
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_four_bytes() {
        let handle = HandleId(0x0102_0304);
        assert_eq!(handle_bytes(handle).as_ref(), [1, 2, 3, 4]);
        assert_eq!(handle_id(&[1, 2, 3, 4]), Ok(handle));
        assert!(handle_id(&[1, 2, 3]).is_err());
        assert!(handle_id(b"12345").is_err());
    }

    #[test]
    fn the_tilde_is_home_and_nobody_elses() {
        let check = |raw: &'static str, expanded: &str| {
            let got = expand(&Bytes::from_static(raw.as_bytes())).expect(raw);
            assert_eq!(got, expanded);
        };
        check("~", ".");
        check("~/a", "a");
        check("~//a/b", "a/b");
        check("~/", "");
        check("/a~", "/a~");
        check("a", "a");
        let other = expand(&Bytes::from_static(b"~other/x")).expect_err("refused");
        assert_eq!(other.code, StatusCode::NoSuchFile);
    }
}
