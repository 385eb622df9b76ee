//! An open folder, and how names below it are reached without ever leaving it.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, RenameFlags, ResolveFlags, Stat};
use rustix::io::Errno;

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// Objects are meant to be read by other programs; the umask narrows this.
pub(super) const FILE_MODE: Mode = Mode::from_raw_mode(0o666);
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o777);

/// What is unfinished is nobody else's business.
const PRIVATE_MODE: Mode = Mode::from_raw_mode(0o700);

/// A folder that is open. Every path below it is resolved by the kernel beneath it, through no
/// symbolic link; names given to it have passed [`super::key_path`] or are our own.
#[derive(Debug)]
pub(super) struct Folder(File);

impl Folder {
    /// The folder at `path`, as the operator names it: links are followed.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(fs::open(path, FOLDER, Mode::empty())?.into()))
    }

    /// The folder at `path` below this one; the empty path is this one.
    pub(super) fn folder(&self, path: &str) -> io::Result<Self> {
        if path.is_empty() {
            return Ok(Self(self.0.try_clone()?));
        }
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        match fs::openat2(&self.0, path, FOLDER, Mode::empty(), resolve) {
            Ok(folder) => Ok(Self(folder.into())),
            // Kernels before 5.6, and sandboxes that do not know the call.
            Err(Errno::NOSYS | Errno::PERM) => self.folder_by_steps(path),
            Err(error) => Err(error.into()),
        }
    }

    /// The same where the kernel has no `openat2`: one name at a time, following no link.
    fn folder_by_steps(&self, path: &str) -> io::Result<Self> {
        let mut folder = Self(self.0.try_clone()?);
        for name in path.split('/') {
            let next = fs::openat(&folder.0, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
            folder = Self(next.into());
        }
        Ok(folder)
    }

    /// The plain file `name`, open for reading. Whatever is no plain file is not there.
    pub(super) fn file(&self, name: &str) -> io::Result<(File, Stat)> {
        // Looked at before it is opened: opening a device may do something.
        plain(&self.stat(name)?)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(fs::openat(&self.0, name, flags, Mode::empty())?);
        let stat = fs::fstat(&file)?;
        plain(&stat)?;
        Ok((file, stat))
    }

    /// What is known of `name`, not following a link.
    pub(super) fn stat(&self, name: &str) -> io::Result<Stat> {
        Ok(fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// What is known of the folder itself.
    pub(super) fn own_stat(&self) -> io::Result<Stat> {
        Ok(fs::fstat(&self.0)?)
    }

    /// A new file `name` that only we have open, for reading and writing.
    pub(super) fn create(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        Ok(fs::openat(&self.0, name, flags, FILE_MODE)?.into())
    }

    /// The file `name`, open for writing with a position of its own, made where it is missing.
    pub(super) fn writable(&self, name: &str, flags: OFlags) -> io::Result<File> {
        let flags = flags | OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(fs::openat(&self.0, name, flags, FILE_MODE)?.into())
    }

    /// A small file of our own, whole.
    pub(super) fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        self.file(name)?.0.read_to_end(&mut content)?;
        Ok(content)
    }

    /// A small file of our own, new and durable but for its entry here ([`Self::sync`]).
    pub(super) fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut file = self.create(name)?;
        file.write_all(content)?;
        file.sync_all()
    }

    /// Makes the folder `name`; false where something of that name is there.
    pub(super) fn make_folder(&self, name: &str) -> io::Result<bool> {
        made(fs::mkdirat(&self.0, name, FOLDER_MODE))
    }

    /// The folder `name`, made where it is missing, its entry durable.
    pub(super) fn ensure_folder(&self, name: &str) -> io::Result<Self> {
        if self.make_folder(name)? {
            self.sync()?;
        }
        self.folder(name)
    }

    /// The same, for our eyes only.
    pub(super) fn ensure_private_folder(&self, name: &str) -> io::Result<Self> {
        if made(fs::mkdirat(&self.0, name, PRIVATE_MODE))? {
            self.sync()?;
        }
        self.folder(name)
    }

    /// Moves `name` over whatever file is `to` in `target`.
    pub(super) fn replace(&self, name: &str, target: &Self, to: &str) -> io::Result<()> {
        Ok(fs::renameat(&self.0, name, &target.0, to)?)
    }

    /// Moves `name` to where nothing is; `EEXIST` where something is.
    pub(super) fn place(&self, name: &str, target: &Self, to: &str) -> io::Result<()> {
        match fs::renameat_with(&self.0, name, &target.0, to, RenameFlags::NOREPLACE) {
            // File systems that do not know the flag know links.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                fs::linkat(&self.0, name, &target.0, to, AtFlags::empty())?;
                Ok(fs::unlinkat(&self.0, name, AtFlags::empty())?)
            }
            other => Ok(other?),
        }
    }

    /// Removes the file `name`.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// Removes the folder `name`; `ENOTEMPTY` where something is in it.
    pub(super) fn remove_folder(&self, name: &str) -> io::Result<()> {
        Ok(fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// Calls `each` with every name that is UTF-8, and its type where the file system says it.
    pub(super) fn for_each(
        &self,
        mut each: impl FnMut(&str, FileType) -> io::Result<()>,
    ) -> io::Result<()> {
        for entry in fs::Dir::read_from(&self.0)? {
            let entry = entry?;
            match entry.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) => each(name, entry.file_type())?,
            }
        }
        Ok(())
    }

    /// Makes durable which names are in the folder.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    /// The folder as a file, for its extended attributes.
    pub(super) fn as_file(&self) -> &File {
        &self.0
    }
}

/// Whether `stat` is of a plain file.
pub(super) fn is_file(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

/// Whether `stat` is of a folder.
pub(super) fn is_folder(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

/// Whether a folder was made; false where something of that name is there.
fn made(result: rustix::io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn plain(stat: &Stat) -> io::Result<()> {
    if is_file(stat) {
        Ok(())
    } else {
        Err(Errno::NOENT.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_down_follow_no_link() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("inside/deep")).unwrap();
        std::os::unix::fs::symlink("/etc", root.path().join("inside/out")).unwrap();
        std::os::unix::fs::symlink("deep", root.path().join("inside/loop")).unwrap();
        let folder = Folder::open(root.path()).unwrap();
        type Way = fn(&Folder, &str) -> io::Result<Folder>;
        for way in [Folder::folder as Way, Folder::folder_by_steps] {
            way(&folder, "inside/deep").unwrap();
            way(&folder, "inside/out").unwrap_err();
            way(&folder, "inside/loop").unwrap_err();
            way(&folder, "inside/out/ssh").unwrap_err();
            way(&folder, "missing").unwrap_err();
        }
    }
}
