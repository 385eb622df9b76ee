//! The files that a source consists of: texts, those of users' homes, host keys.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use moving::users::unix::sshd_config::{Included, includes, is_named};

use crate::commands::host_key;
use crate::target::State;

/// The longest `authorized_keys`: what lies in users' homes is theirs to write.
const LONGEST: u64 = 1024 * 1024;

/// The text of a file; `-` is standard input.
pub(super) fn read(file: &Path) -> anyhow::Result<String> {
    let what = || format!("read {}", file.display());
    let mut bytes = Vec::new();
    match file == Path::new("-") {
        true => std::io::stdin().read_to_end(&mut bytes).map(drop),
        false => std::fs::read(file).map(|read| bytes = read),
    }
    .with_context(what)?;
    let text = String::from_utf8(bytes).ok();
    text.context("it is not a text in UTF-8").with_context(what)
}

/// The texts of files.
pub(super) fn read_all(files: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    files.iter().map(|file| read(file)).collect()
}

/// Where the homes of a machine are now.
pub(super) struct HomeRoot {
    root: PathBuf,
}

impl HomeRoot {
    /// The folder itself, a copy of it, or a copy of the whole machine; by default the machine is
    /// this one.
    pub(super) fn new(root: Option<&Path>) -> Self {
        Self {
            root: root.unwrap_or(Path::new("/")).to_owned(),
        }
    }

    /// The text of a user's file, by its path on the machine: there, if it lies below the root; else
    /// the same path below the root, or below `root/NAME` for a home that ends in his name. Never
    /// somebody else's.
    pub(super) fn read(
        &self,
        file: &Path,
        home: &Path,
        user: &str,
    ) -> Result<Option<String>, String> {
        let mut places = Vec::new();
        match file.starts_with(&self.root) {
            true => places.push(file.to_owned()),
            false => {
                let below = file.strip_prefix("/").unwrap_or(file);
                places.push(self.root.join(below));
                if home.file_name().is_some_and(|name| name == user)
                    && let Ok(below) = file.strip_prefix(home)
                {
                    places.push(self.root.join(user).join(below));
                }
            }
        }
        for place in places {
            if let Some(text) = text_of(&place)? {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }
}

/// What a `sshd_config` includes, and what that does. Patterns that begin at `/etc/ssh`, or nowhere,
/// are looked for beside the file itself; folders that are not there are left out.
pub(super) fn included(file: &Path, text: &str) -> anyhow::Result<Included> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut all = Included::new();
    let mut wanted = includes(text);
    while let Some(pattern) = wanted.pop() {
        if all.contains_key(&pattern) {
            continue;
        }
        let path = Path::new(&pattern);
        let below = path.strip_prefix("/etc/ssh").unwrap_or(path);
        let Some(files) = named(&folder.join(below))? else {
            continue;
        };
        let texts = read_all(&files)?;
        wanted.extend(texts.iter().flat_map(|text| includes(text)));
        all.insert(pattern, texts);
    }
    Ok(all)
}

/// The files that a pattern names, in the order of their names; none where its folder is missing.
fn named(pattern: &Path) -> anyhow::Result<Option<Vec<PathBuf>>> {
    let (Some(folder), Some(name)) = (pattern.parent(), pattern.file_name()) else {
        return Ok(None);
    };
    let what = || format!("look for {}", pattern.display());
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(what),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.with_context(what)?;
        let fits = is_named(
            &name.to_string_lossy(),
            &entry.file_name().to_string_lossy(),
        );
        if fits && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(Some(files))
}

/// A regular file's text, at most [`LONGEST`].
fn text_of(file: &Path) -> Result<Option<String>, String> {
    let failed = |error: std::io::Error| format!("{} cannot be read: {error}", file.display());
    match std::fs::metadata(file) {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Err(format!("{} is not a file", file.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    }
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(failed)?;
    let read = opened.take(LONGEST + 1).read_to_end(&mut bytes);
    read.map_err(failed)?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!("{} is longer than 1 MiB", file.display()));
    }
    let text = String::from_utf8(bytes);
    text.map(Some)
        .map_err(|_| format!("{} is not UTF-8", file.display()))
}

/// The host keys of a folder, which must hold some.
pub(super) fn host_keys_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let what = || format!("look for host keys in {}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(what)? {
        let path = entry.with_context(what)?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let is_key = |name: &String| name.starts_with("ssh_host_") && name.ends_with("_key");
        if name.as_ref().is_some_and(is_key) {
            files.push(path);
        }
    }
    files.sort();
    anyhow::ensure!(
        !files.is_empty(),
        "{} holds no ssh_host_*_key",
        folder.display()
    );
    Ok(files)
}

/// Takes over host keys.
pub(super) async fn take_over(
    host_keys: &[PathBuf],
    dry_run: bool,
    state: &State,
) -> anyhow::Result<()> {
    for file in host_keys {
        // A machine has keys of algorithms that are not served any more (DSA).
        let done = match dry_run {
            true => host_key::look_at(file),
            false => host_key::import(file, state).await,
        };
        if let Err(error) = done {
            println!("skipped  host key {}: {error:#}", file.display());
        }
    }
    Ok(())
}
