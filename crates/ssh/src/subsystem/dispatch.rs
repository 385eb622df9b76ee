//! The table of verbs: name, whether it changes anything, which paths it touches, and what is done.

use std::sync::Arc;

use gateway::{Access, Session};
use model::VirtualPath;
use sftp::{FileSystem, Limits, Name, Reply, StatusCode, UserGroupNames};

use super::Shared;
use super::attributes::reply;
use super::handles::Use;
use super::operation::{Operation, handle_bytes};

/// The part of an operation's row that does not run.
pub(super) struct Verb {
    /// As SFTP calls it, for logs and metrics.
    pub(super) name: &'static str,
    /// Whether it may change anything.
    pub(super) access: Access,
}

const fn looks(name: &'static str) -> Verb {
    let access = Access::Read;
    Verb { name, access }
}

const fn changes(name: &'static str) -> Verb {
    let access = Access::Write;
    Verb { name, access }
}

impl Operation {
    /// Its row. A CLOSE is counted as a change, since it publishes what was written.
    pub(super) fn verb(&self) -> Verb {
        match self {
            Self::Open(_, options) if options.write => changes("open"),
            Self::Open(..) => looks("open"),
            Self::OpenDirectory(_) => looks("opendir"),
            Self::Close(_) => changes("close"),
            Self::Stat(_) => looks("stat"),
            Self::Lstat(_) => looks("lstat"),
            Self::StatHandle(_) => looks("fstat"),
            Self::SetAttributes(..) => changes("setstat"),
            Self::SetHandleAttributes(..) => changes("fsetstat"),
            Self::Remove(_) => changes("remove"),
            Self::MakeDirectory(..) => changes("mkdir"),
            Self::RemoveDirectory(_) => changes("rmdir"),
            Self::Canonicalise(_) => looks("realpath"),
            Self::Rename(..) => changes("rename"),
            Self::CopyData { .. } => changes("copy-data"),
            Self::Sync(_) => looks("fsync"),
            Self::Space(_) => looks("statvfs"),
            Self::HandleSpace(_) => looks("fstatvfs"),
            Self::Names { .. } => looks("users-groups-by-id"),
            Self::Limits => looks("limits"),
        }
    }

    /// The paths that its turn is taken for; none for what depends on no other request.
    pub(super) fn touches(&self, session: &Session) -> Vec<(VirtualPath, Access)> {
        let access = self.verb().access;
        let of = |handle| session.handle_path(handle).ok();
        let paths = match self {
            Self::Open(path, _)
            | Self::OpenDirectory(path)
            | Self::Stat(path)
            | Self::Lstat(path)
            | Self::SetAttributes(path, _)
            | Self::Remove(path)
            | Self::MakeDirectory(path, _)
            | Self::RemoveDirectory(path)
            | Self::Space(path) => vec![path.clone()],
            Self::Rename(from, to, _) => vec![from.clone(), to.clone()],
            Self::Close(handle)
            | Self::StatHandle(handle)
            | Self::SetHandleAttributes(handle, _)
            | Self::Sync(handle)
            | Self::HandleSpace(handle) => of(*handle).into_iter().collect(),
            Self::CopyData { from, to, .. } => of(*from).into_iter().chain(of(*to)).collect(),
            Self::Canonicalise(_) | Self::Names { .. } | Self::Limits => Vec::new(),
        };
        paths.into_iter().map(|path| (path, access)).collect()
    }

    /// Does it. CLOSE is done by who holds the handle's lane.
    pub(super) async fn run(self, shared: &Arc<Shared>) -> gateway::Result<Reply> {
        let session = &shared.session;
        match self {
            Self::Open(path, options) => {
                let handle = session.open(&path, &options).await?;
                shared.handles.add(handle, Use::File, &shared.line);
                Ok(Reply::Handle(handle_bytes(handle)))
            }
            Self::OpenDirectory(path) => {
                let handle = session.open_directory(&path).await?;
                shared.handles.add(handle, Use::Directory, &shared.line);
                Ok(Reply::Handle(handle_bytes(handle)))
            }
            Self::Close(handle) => session.close(handle).await.map(ok),
            Self::Stat(path) => Ok(attributes(&session.stat(&path).await?)),
            Self::Lstat(path) => Ok(attributes(&session.lstat(&path).await?)),
            Self::StatHandle(handle) => Ok(attributes(&session.stat_handle(handle).await?)),
            Self::SetAttributes(path, changes) => {
                session.set_attributes(&path, &changes).await.map(ok)
            }
            Self::SetHandleAttributes(handle, changes) => session
                .set_handle_attributes(handle, &changes)
                .await
                .map(ok),
            Self::Remove(path) => session.remove(&path).await.map(ok),
            Self::MakeDirectory(path, changes) => {
                session.make_directory(&path, &changes).await.map(ok)
            }
            Self::RemoveDirectory(path) => session.remove_directory(&path).await.map(ok),
            Self::Canonicalise(path) => Ok(canonical(&path)),
            Self::Rename(from, to, overwrite) => {
                session.rename(&from, &to, overwrite).await.map(ok)
            }
            Self::CopyData {
                from,
                from_offset,
                length,
                to,
                to_offset,
            } => session
                .copy_data(from, from_offset, length, to, to_offset)
                .await
                .map(ok),
            Self::Sync(handle) => session.sync(handle).await.map(ok),
            Self::Space(path) => space(session, &path).await,
            Self::HandleSpace(handle) => space(session, &session.handle_path(handle)?).await,
            Self::Names { users, groups } => Ok(names(shared, &users, &groups)),
            Self::Limits => Ok(Reply::Extended(
                Limits::of_this_decoder(shared.open_handles).encode(),
            )),
        }
    }
}

fn attributes(attributes: &gateway::FileAttributes) -> Reply {
    Reply::Attributes(reply(attributes))
}

fn ok((): ()) -> Reply {
    StatusCode::Ok.into()
}

/// One name: absolute, without a slash at its end, whether it exists or not. `sftp put -r` and
/// FileZilla ask for what they are about to make.
fn canonical(path: &VirtualPath) -> Reply {
    let name = bytes::Bytes::copy_from_slice(path.as_str().as_bytes());
    Reply::Name(vec![Name {
        longname: name.clone(),
        name,
        attributes: sftp::Attributes::default(),
    }])
}

async fn space(session: &Session, path: &VirtualPath) -> gateway::Result<Reply> {
    /// `ST_RDONLY` and `ST_NOSUID` of the extension.
    const READ_ONLY: u64 = 1;
    const NO_SETUID: u64 = 2;
    /// Nothing runs out of inodes here.
    const MANY_FILES: u64 = 1 << 40;
    let space = session.space(path).await?;
    let unit = space.block_size.max(1);
    let free = space.free_bytes / unit;
    let file_system = FileSystem {
        block_size: unit,
        fragment_size: unit,
        blocks: space.total_bytes / unit,
        blocks_free: free,
        blocks_available: free,
        files: MANY_FILES,
        files_free: MANY_FILES,
        files_available: MANY_FILES,
        id: 0,
        flags: NO_SETUID | if space.read_only { READ_ONLY } else { 0 },
        name_max: space.max_name_bytes,
    };
    Ok(Reply::Extended(file_system.encode()))
}

/// The names behind the numbers that attributes show; empty for other numbers.
fn names(shared: &Shared, users: &[u32], groups: &[u32]) -> Reply {
    let name = |name: Option<&str>| bytes::Bytes::from(name.unwrap_or_default().to_owned());
    let session = &shared.session;
    let user = |number: &u32| name(session.owner_name(*number));
    let group = |number: &u32| name(session.group_name(*number));
    let names = UserGroupNames {
        users: users.iter().map(user).collect(),
        groups: groups.iter().map(group).collect(),
    };
    Reply::Extended(names.encode())
}
