//! Requests in few words.

use bytes::Bytes;
use sftp::{Attributes, Extended, OpenFlags, Request, Times};

pub(crate) const R: OpenFlags = OpenFlags::READ;
pub(crate) const W: OpenFlags = OpenFlags::WRITE;
pub(crate) const A: OpenFlags = OpenFlags::APPEND;
pub(crate) const C: OpenFlags = OpenFlags::CREATE;
pub(crate) const T: OpenFlags = OpenFlags::TRUNCATE;
pub(crate) const X: OpenFlags = OpenFlags::EXCLUSIVE;

pub(crate) fn bytes(text: impl AsRef<[u8]>) -> Bytes {
    Bytes::copy_from_slice(text.as_ref())
}

pub(crate) fn open(path: impl AsRef<[u8]>, flags: OpenFlags) -> Request {
    open_with(path, flags, Attributes::default())
}

pub(crate) fn open_with(
    path: impl AsRef<[u8]>,
    flags: OpenFlags,
    attributes: Attributes,
) -> Request {
    Request::Open {
        path: bytes(path),
        flags,
        attributes,
    }
}

pub(crate) fn close(handle: &Bytes) -> Request {
    Request::Close {
        handle: handle.clone(),
    }
}

pub(crate) fn read(handle: &Bytes, offset: u64, length: u32) -> Request {
    Request::Read {
        handle: handle.clone(),
        offset,
        length,
    }
}

pub(crate) fn stat(path: impl AsRef<[u8]>) -> Request {
    Request::Stat { path: bytes(path) }
}

pub(crate) fn lstat(path: impl AsRef<[u8]>) -> Request {
    Request::Lstat { path: bytes(path) }
}

pub(crate) fn fstat(handle: &Bytes) -> Request {
    Request::Fstat {
        handle: handle.clone(),
    }
}

pub(crate) fn setstat(path: impl AsRef<[u8]>, attributes: Attributes) -> Request {
    Request::Setstat {
        path: bytes(path),
        attributes,
    }
}

pub(crate) fn fsetstat(handle: &Bytes, attributes: Attributes) -> Request {
    Request::Fsetstat {
        handle: handle.clone(),
        attributes,
    }
}

pub(crate) fn opendir(path: impl AsRef<[u8]>) -> Request {
    Request::Opendir { path: bytes(path) }
}

pub(crate) fn readdir(handle: &Bytes) -> Request {
    Request::Readdir {
        handle: handle.clone(),
    }
}

pub(crate) fn remove(path: impl AsRef<[u8]>) -> Request {
    Request::Remove { path: bytes(path) }
}

pub(crate) fn mkdir(path: impl AsRef<[u8]>) -> Request {
    Request::Mkdir {
        path: bytes(path),
        attributes: Attributes::default(),
    }
}

pub(crate) fn rmdir(path: impl AsRef<[u8]>) -> Request {
    Request::Rmdir { path: bytes(path) }
}

pub(crate) fn realpath(path: impl AsRef<[u8]>) -> Request {
    Request::Realpath { path: bytes(path) }
}

pub(crate) fn rename(from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Request {
    Request::Rename {
        from: bytes(from),
        to: bytes(to),
    }
}

pub(crate) fn posix_rename(from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Request {
    Request::Extended(Extended::PosixRename {
        from: bytes(from),
        to: bytes(to),
    })
}

pub(crate) fn size(size: u64) -> Attributes {
    Attributes {
        size: Some(size),
        ..Attributes::default()
    }
}

pub(crate) fn mode(permissions: u32) -> Attributes {
    Attributes {
        permissions: Some(permissions),
        ..Attributes::default()
    }
}

pub(crate) fn times(modified: u32) -> Attributes {
    let times = Some(Times {
        accessed: modified,
        modified,
    });
    Attributes {
        times,
        ..Attributes::default()
    }
}
