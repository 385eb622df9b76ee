//! Does each deed to the gateway and to the model, and compares.

use bytes::Bytes;
use futures::future::BoxFuture;
use sftp::{Attributes, OpenFlags, Reply, Request, StatusCode, Times};

use super::deed::{Deed, Flags, Step};
use super::tree::{Answer, Tree};
use crate::client::{Session, Stop};

/// The way into the gateway under test.
pub trait Doors {
    /// A session of a user: 0 or 1, who share nothing.
    fn session(&self, user: usize) -> BoxFuture<'_, Session>;
}

/// Plays `deeds` below the directory `root`, which must be new, and compares every answer and, at
/// the end, everything that is there.
///
/// # Errors
/// The first difference, in words.
pub async fn play(doors: &dyn Doors, root: &str, deeds: &[(usize, Deed)]) -> Result<(), String> {
    let mut users = Vec::new();
    for number in 0..2 {
        let mut session = doors.session(number).await;
        let made = session.mkdir(root).await;
        made.map_err(|stop| format!("mkdir {root}: {stop}"))?;
        users.push(User {
            number,
            root: root.to_owned(),
            session,
            tree: Tree::default(),
        });
    }
    for (user, deed) in deeds {
        let user = &mut users[*user];
        let number = user.number;
        let done = user.act(doors, deed).await;
        done.map_err(|difference| format!("user {number}, {deed:?}: {difference}"))?;
    }
    for user in &mut users {
        let number = user.number;
        let same = user.compare(String::new()).await;
        same.map_err(|difference| format!("user {number} at the end: {difference}"))?;
    }
    Ok(())
}

struct User {
    number: usize,
    root: String,
    session: Session,
    tree: Tree,
}

type Done = Result<(), String>;

impl User {
    async fn act(&mut self, doors: &dyn Doors, deed: &Deed) -> Done {
        match *deed {
            Deed::Write(path, flags, ref steps) => self.write(path, flags, steps).await,
            Deed::CutUpload(path, length, sent) => self.cut_upload(doors, path, length, sent).await,
            Deed::Read(path, offset, length) => self.read(path, offset, length).await,
            Deed::SetTime(path, time) => {
                let times = Some(Times {
                    accessed: time,
                    modified: time,
                });
                let set = Attributes {
                    times,
                    ..Attributes::default()
                };
                let expected = self.tree.set(path, |file| file.mtime = Some(time));
                self.set(path, set, expected).await
            }
            Deed::SetMode(path, mode) => {
                let set = Attributes {
                    permissions: Some(mode),
                    ..Attributes::default()
                };
                let expected = self.tree.set(path, |file| file.mode = Some(mode));
                self.set(path, set, expected).await
            }
            Deed::Resize(path, size) => {
                let set = Attributes {
                    size: Some(size),
                    ..Attributes::default()
                };
                let expected = self.tree.resize(path, size);
                self.set(path, set, expected).await
            }
            Deed::Rename(from, to, over) => self.rename(from, to, over).await,
            Deed::Remove(path) => {
                let expected = self.tree.remove(path);
                let answer = self.session.remove(&self.at(path)).await;
                same(expected, answer)?;
                self.look(path).await
            }
            Deed::Mkdir(path) => {
                if self.tree.is_below_a_file(path) {
                    return Ok(());
                }
                let expected = self.tree.mkdir(path);
                let answer = self.session.mkdir(&self.at(path)).await;
                same(expected, answer)?;
                self.look(path).await
            }
            Deed::Rmdir(path) => {
                let expected = self.tree.rmdir(path);
                let path_bytes = Bytes::from(self.at(path));
                let answer = self.session.ok(&Request::Rmdir { path: path_bytes }).await;
                same(expected, answer)?;
                self.look(path).await
            }
            Deed::List(path) => self.compare_names(path).await,
        }
    }

    async fn write(&mut self, path: &str, flags: Flags, steps: &[Step]) -> Done {
        // A file below a file, or in a directory's place, is refused late or never, store by store
        // (SEMANTICS, "Directories").
        if self.tree.is_below_a_file(path) || self.tree.is_directory(path) {
            return Ok(());
        }
        let expected = self.tree.open(path, flags);
        let opened = self.session.open_file(&self.at(path), flags.bits()).await;
        let handle = match (expected, opened) {
            (Answer::Ok, Ok(handle)) => handle,
            (expected, opened) => return same(expected, opened.map(drop)),
        };
        for step in steps {
            let done = match *step {
                Step::Write(offset, length, fill) => {
                    let data = vec![fill; length];
                    let status = self.session.sftp().write(&handle, offset, data).await;
                    status.map(|status| status.code == StatusCode::Ok)
                }
                Step::Resize(size) => {
                    let request = Request::Fsetstat {
                        handle: handle.clone(),
                        attributes: Attributes {
                            size: Some(size),
                            ..Attributes::default()
                        },
                    };
                    let status = self.session.sftp().status(&request).await;
                    status.map(|status| status.code == StatusCode::Ok)
                }
            };
            match done {
                Ok(true) => {}
                Ok(false) => return Err(format!("{step:?} was refused")),
                Err(error) => return Err(format!("{step:?}: {error}")),
            }
        }
        let expected = self.tree.write(path, flags, steps);
        let answer = self.session.close(&handle).await;
        same(expected, answer)?;
        self.look(path).await
    }

    async fn cut_upload(
        &mut self,
        doors: &dyn Doors,
        path: &str,
        length: usize,
        sent: usize,
    ) -> Done {
        if self.tree.is_below_a_file(path) || self.tree.is_directory(path) {
            return Ok(());
        }
        let content = pattern(length);
        let at = self.at(path);
        let wrong = |stop: Stop| format!("{stop}");
        let handle = self.session.create(&at, true).await.map_err(wrong)?;
        let block = block_of(content.clone());
        let written = self.session.write(&handle, 0, sent as u64, block).await;
        written.map_err(wrong)?;
        self.session.cut();
        self.session = doors.session(self.number).await;
        // The cut may be noticed later than the new session begins; TRUNC is right at any time.
        let (folder, name) = at.rsplit_once('/').unwrap_or(("", &at));
        let long = self.session.long_name(folder, name).await.map_err(wrong)?;
        let unfinished = long.is_some_and(|long| long.contains(" unfinished "));
        let from = match unfinished {
            true => self.size(path).await?.unwrap_or(0),
            false => 0,
        };
        if from > sent as u64 {
            return Err(format!("{from} bytes are safe of {sent} that were sent"));
        }
        let handle = self.session.create(&at, !unfinished).await.map_err(wrong)?;
        let block = block_of(content.clone());
        let written = self
            .session
            .write(&handle, from, length as u64, block)
            .await;
        written.map_err(wrong)?;
        self.session.close(&handle).await.map_err(wrong)?;
        let flags = Flags {
            create: true,
            truncate: true,
            exclusive: false,
            append: false,
            read: false,
        };
        self.tree.write(path, flags, &[]);
        self.tree.set(path, |file| file.bytes = content.to_vec());
        self.look(path).await
    }

    async fn read(&mut self, path: &str, offset: u64, length: u32) -> Done {
        let at = self.at(path);
        let opened = self.session.open_file(&at, OpenFlags::READ).await;
        let Some(file) = self.tree.files.get(path) else {
            let expected = match self.tree.is_directory(path) {
                true => Answer::Failure,
                false => Answer::NoSuchFile,
            };
            return same(expected, opened.map(drop));
        };
        let handle = opened.map_err(|stop| stop.to_string())?;
        let request = Request::Read {
            handle: handle.clone(),
            offset,
            length,
        };
        let begin = file.bytes.len().min(offset as usize);
        let end = file.bytes.len().min(begin + length as usize);
        let expected = &file.bytes[begin..end];
        let reply = self.session.sftp().call(&request).await;
        match reply.map_err(|error| error.to_string())? {
            Reply::Data(data) if !data.is_empty() && expected.starts_with(&data) => {}
            Reply::Status(status)
                if status.code == StatusCode::Eof && begin == file.bytes.len() => {}
            // Nothing was asked for.
            _ if length == 0 => {}
            reply => return Err(format!("{} bytes expected, {reply:?}", expected.len())),
        }
        self.session
            .close(&handle)
            .await
            .map_err(|stop| stop.to_string())
    }

    async fn set(&mut self, path: &str, set: Attributes, expected: Answer) -> Done {
        let answer = self.session.set(&self.at(path), set).await;
        same(expected, answer)?;
        self.look(path).await
    }

    async fn rename(&mut self, from: &str, to: &str, over: bool) -> Done {
        if self.tree.is_below_a_file(to) {
            return Ok(());
        }
        let expected = self.tree.rename(from, to, over);
        let answer = self
            .session
            .rename(&self.at(from), &self.at(to), over)
            .await;
        same(expected, answer)?;
        self.look(from).await?;
        self.look(to).await
    }

    /// Compares what STAT says of a path.
    async fn look(&mut self, path: &str) -> Done {
        let shown = self.session.stat(&self.at(path)).await;
        let shown = shown.map_err(|stop| format!("stat {path}: {stop}"))?;
        let Some(file) = self.tree.files.get(path) else {
            return match (shown, self.tree.is_directory(path)) {
                (Some(_), true) | (None, false) => Ok(()),
                (shown, _) => Err(format!("{path} is shown as {shown:?}")),
            };
        };
        let Some(shown) = shown else {
            return Err(format!("{path} is lost"));
        };
        if shown.size != Some(file.bytes.len() as u64) {
            let size = file.bytes.len();
            return Err(format!(
                "{path} has {:?} bytes and should have {size}",
                shown.size
            ));
        }
        let mtime = shown.times.map(|times| times.modified);
        if file.mtime.is_some() && mtime != file.mtime {
            return Err(format!(
                "{path} was modified {mtime:?}, not {:?}",
                file.mtime
            ));
        }
        let mode = shown.permissions.map(|mode| mode & 0o777);
        if file.mode.is_some() && mode != file.mode {
            return Err(format!("{path} has mode {mode:?}, not {:?}", file.mode));
        }
        Ok(())
    }

    async fn size(&mut self, path: &str) -> Result<Option<u64>, String> {
        let shown = self.session.stat(&self.at(path)).await;
        let shown = shown.map_err(|stop| format!("stat {path}: {stop}"))?;
        Ok(shown.and_then(|attributes| attributes.size))
    }

    async fn compare_names(&mut self, path: &str) -> Done {
        let shown = self.session.names(&self.at(path)).await;
        if !self.tree.is_directory(path) && !path.is_empty() {
            let expected = match self.tree.files.contains_key(path) {
                true => Answer::Failure,
                false => Answer::NoSuchFile,
            };
            return same(expected, shown.map(drop));
        }
        let shown = shown.map_err(|stop| format!("list {path}: {stop}"))?;
        let expected = self.tree.list(path);
        match shown == expected {
            true => Ok(()),
            false => Err(format!("{path} lists {shown:?} instead of {expected:?}")),
        }
    }

    /// Compares every name, size, attribute and byte below a path.
    async fn compare(&mut self, path: String) -> Done {
        self.compare_names(&path).await?;
        for name in self.tree.list(&path) {
            let below = match path.as_str() {
                "" => name,
                path => format!("{path}/{name}"),
            };
            self.look(&below).await?;
            if let Some(file) = self.tree.files.get(&below) {
                let read = self.session.get(&self.at(&below)).await;
                let read = read.map_err(|stop| format!("get {below}: {stop}"))?;
                if read.concat() != file.bytes {
                    return Err(format!("{below} holds other bytes"));
                }
            } else {
                Box::pin(self.compare(below)).await?;
            }
        }
        Ok(())
    }

    fn at(&self, path: &str) -> String {
        match path {
            "" => self.root.clone(),
            path => format!("{}/{path}", self.root),
        }
    }
}

fn same(expected: Answer, answer: Result<(), Stop>) -> Done {
    let answered = match answer {
        Ok(()) => Answer::Ok,
        Err(Stop::Refused(status)) if status.code == StatusCode::NoSuchFile => Answer::NoSuchFile,
        Err(Stop::Refused(status)) if status.message.is_empty() => {
            return Err(format!("refused without a word: {status:?}"));
        }
        Err(Stop::Refused(_)) => Answer::Failure,
        Err(stop) => return Err(stop.to_string()),
    };
    match answered == expected {
        true => Ok(()),
        false => Err(format!("answered {answered:?} instead of {expected:?}")),
    }
}

fn pattern(length: usize) -> Bytes {
    let byte = |at: usize| (at ^ (at >> 8) ^ (at >> 16)) as u8;
    (0..length).map(byte).collect::<Vec<u8>>().into()
}

fn block_of(content: Bytes) -> impl Fn(u64) -> Bytes {
    move |offset| {
        let begin = offset as usize;
        content.slice(begin..content.len().min(begin + (32 << 10)))
    }
}
