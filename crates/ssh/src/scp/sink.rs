//! `scp -t`: the client sends, the session stores.

use std::sync::Arc;

use gateway::{AttributeChanges, HandleId, OpenOptions, Session};
use model::{ErrorKind, Timestamp, VirtualPath};

use super::inbox::Reader;
use super::message::Message;
use super::{Broken, Command, Output, acknowledge, complain, report};

/// Receives until the client is done; returns the number of things that failed.
pub(super) async fn run(
    command: &Command,
    session: &Arc<Session>,
    reader: Reader,
    output: &impl Output,
) -> Result<u32, Broken> {
    let Some(target) = target(command, session, output).await? else {
        return Ok(1);
    };
    let mut sink = Sink {
        command,
        session,
        reader,
        output,
        directories: Vec::new(),
        target,
        times: None,
        failed: 0,
    };
    acknowledge(output).await?;
    while let Some(line) = sink.reader.line().await? {
        let Some(message) = Message::parse(&line) else {
            complain(output, "protocol error: expected a control line").await?;
            return Err(Broken);
        };
        sink.receive(message).await?;
    }
    Ok(sink.failed)
}

struct Sink<'a, O> {
    command: &'a Command,
    session: &'a Arc<Session>,
    reader: Reader,
    output: &'a O,
    target: Target,
    /// The directories that began and did not end, innermost last.
    directories: Vec<Directory>,
    times: Option<Times>,
    failed: u32,
}

/// Where the client wants its files.
struct Target {
    path: VirtualPath,
    is_directory: bool,
}

struct Directory {
    path: VirtualPath,
    attributes: AttributeChanges,
}

#[derive(Clone, Copy)]
struct Times {
    mtime: Timestamp,
    atime: Timestamp,
}

async fn target(
    command: &Command,
    session: &Arc<Session>,
    output: &impl Output,
) -> Result<Option<Target>, Broken> {
    let Some(word) = command.paths.first().filter(|_| command.paths.len() == 1) else {
        complain(output, "ambiguous target").await?;
        return Ok(None);
    };
    let found = async {
        let path = session.resolve(word.text.as_bytes())?;
        match session.stat(&path).await {
            Ok(attributes) => Ok(Target {
                path,
                is_directory: attributes.is_directory(),
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Target {
                path,
                is_directory: false,
            }),
            Err(error) => Err(error),
        }
    };
    match found.await {
        Ok(target) if command.into_directory && !target.is_directory => {
            complain(output, &format!("{}: Not a directory", word.text)).await?;
            Ok(None)
        }
        Ok(target) => Ok(Some(target)),
        Err(error) => {
            report(output, &word.text, &error).await?;
            Ok(None)
        }
    }
}

impl<O: Output> Sink<'_, O> {
    async fn receive(&mut self, message: Message) -> Result<(), Broken> {
        match message {
            Message::Times { mtime, atime } => {
                self.times = Some(Times { mtime, atime });
                acknowledge(self.output).await
            }
            Message::File { mode, size, name } => self.file(mode, size, &name).await,
            Message::Directory { mode, name } => self.begin_directory(mode, &name).await,
            Message::EndOfDirectory => self.end_directory().await,
            // Not to be answered: the client tells what it left out and goes on.
            Message::Warning(text) => {
                tracing::debug!(text, "scp client warned");
                self.failed += 1;
                Ok(())
            }
            Message::Fatal(text) => {
                tracing::debug!(text, "scp client gave up");
                Err(Broken)
            }
        }
    }

    /// Where an entry of this name goes: into the innermost directory, into the target, or, where
    /// the target is no directory, to the target itself.
    fn place(&self, name: &str) -> gateway::Result<VirtualPath> {
        let directory = match self.directories.last() {
            Some(directory) => &directory.path,
            None if self.target.is_directory => &self.target.path,
            None => return Ok(self.target.path.clone()),
        };
        directory
            .join(name)
            .map_err(|error| gateway::Error::new(ErrorKind::Invalid, error.to_string()))
    }

    fn attributes(&mut self, mode: u32) -> AttributeChanges {
        let times = self.times.take();
        AttributeChanges {
            mode: Some(mode),
            mtime: times.map(|times| times.mtime),
            atime: times.map(|times| times.atime),
            ..AttributeChanges::default()
        }
    }

    async fn file(&mut self, mode: u32, size: u64, name: &str) -> Result<(), Broken> {
        let attributes = self.attributes(mode);
        let options = OpenOptions {
            write: true,
            create: true,
            truncate: true,
            attributes,
            ..OpenOptions::default()
        };
        let opened = async { self.session.open(&self.place(name)?, &options).await };
        let handle = match opened.await {
            Ok(handle) => handle,
            // The client sends no bytes of a file that was refused.
            Err(error) => return self.refuse(name, &error).await,
        };
        acknowledge(self.output).await?;
        let mut stored = self.bytes(handle, size).await?;
        let sent_whole = self.reader.answer().await?;
        if stored.is_ok() && self.command.preserve {
            stored = self
                .session
                .set_handle_attributes(handle, &attributes)
                .await;
        }
        if stored.is_err() || sent_whole.is_err() {
            // It did not come whole, so it is not published.
            let discarded = self.session.discard(handle).await;
            stored = stored.and(discarded);
        } else {
            stored = self.session.close(handle).await;
        }
        match (stored, sent_whole) {
            (Err(error), _) => self.refuse(name, &error).await,
            (Ok(()), Ok(())) => acknowledge(self.output).await,
            (Ok(()), Err(complaint)) => {
                tracing::debug!(complaint, "scp client could not send a file whole");
                self.failed += 1;
                acknowledge(self.output).await
            }
        }
    }

    /// Takes the bytes of a file, all of them even where they cannot be stored.
    async fn bytes(&mut self, handle: HandleId, size: u64) -> Result<gateway::Result<()>, Broken> {
        let mut stored = Ok(());
        let mut offset = 0;
        while offset < size {
            let piece = self.reader.some(size - offset).await?;
            if stored.is_ok() {
                stored = self.session.write(handle, offset, &piece);
            }
            offset += piece.len() as u64;
        }
        Ok(stored)
    }

    async fn begin_directory(&mut self, mode: u32, name: &str) -> Result<(), Broken> {
        let attributes = self.attributes(mode);
        if !self.command.recursive {
            complain(
                self.output,
                &format!("{name}: a directory, and -r was not given"),
            )
            .await?;
            return Err(Broken);
        }
        let made = async {
            let path = self.place(name)?;
            match self.session.stat(&path).await {
                Ok(found) if found.is_directory() => Ok(path),
                Ok(_) => Err(gateway::Error::new(
                    ErrorKind::Conflict,
                    "Not a directory".to_owned(),
                )),
                Err(error) if error.kind() == ErrorKind::NotFound => self
                    .session
                    .make_directory(&path, &attributes)
                    .await
                    .map(|()| path),
                Err(error) => Err(error),
            }
        };
        match made.await {
            Ok(path) => {
                self.directories.push(Directory { path, attributes });
                acknowledge(self.output).await
            }
            Err(error) => self.refuse(name, &error).await,
        }
    }

    async fn end_directory(&mut self) -> Result<(), Broken> {
        let Some(directory) = self.directories.pop() else {
            complain(self.output, "protocol error: no directory began").await?;
            return Err(Broken);
        };
        if self.command.preserve {
            let set = self
                .session
                .set_attributes(&directory.path, &directory.attributes)
                .await;
            if let Err(error) = set {
                return self.refuse(directory.path.as_str(), &error).await;
            }
        }
        acknowledge(self.output).await
    }

    async fn refuse(&mut self, name: &str, error: &gateway::Error) -> Result<(), Broken> {
        self.failed += 1;
        report(self.output, name, error).await
    }
}
