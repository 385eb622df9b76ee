//! `scp -f`: the session reads, the client receives.

use std::sync::Arc;

use bytes::Bytes;
use gateway::{FileAttributes, HandleId, OpenOptions, Session};
use model::VirtualPath;

use super::command::Word;
use super::inbox::Reader;
use super::{Broken, Command, Output, complain, glob, report, send};

/// Bytes asked of the session at a time.
const PIECE: u32 = 256 * 1024;

/// Sends everything that was asked for; returns the number of things that failed.
pub(super) async fn run(
    command: &Command,
    session: &Arc<Session>,
    reader: Reader,
    output: &impl Output,
) -> Result<u32, Broken> {
    let mut source = Source {
        command,
        session,
        reader,
        output,
        failed: 0,
    };
    // The client says that it is ready.
    if source.reader.answer().await?.is_err() {
        return Err(Broken);
    }
    for word in &command.paths {
        source.word(word).await?;
    }
    Ok(source.failed)
}

struct Source<'a, O> {
    command: &'a Command,
    session: &'a Arc<Session>,
    reader: Reader,
    output: &'a O,
    failed: u32,
}

/// What is left to do, so that a deep tree needs no deep stack.
enum Step {
    Send(VirtualPath),
    EndDirectory,
}

impl<O: Output> Source<'_, O> {
    async fn word(&mut self, word: &Word) -> Result<(), Broken> {
        let paths = match glob::expand(word, self.session).await {
            Ok(paths) => paths,
            Err(error) => return self.refuse(&word.text, &error).await,
        };
        let mut steps: Vec<Step> = paths.into_iter().rev().map(Step::Send).collect();
        while let Some(step) = steps.pop() {
            match step {
                Step::EndDirectory => {
                    self.tell("E\n".to_owned()).await?;
                }
                Step::Send(path) => match self.session.stat(&path).await {
                    Err(error) => self.refuse(path.as_str(), &error).await?,
                    Ok(found) if found.is_directory() => {
                        self.directory(&path, &found, &mut steps).await?
                    }
                    Ok(_) => self.file(&path).await?,
                },
            }
        }
        Ok(())
    }

    async fn directory(
        &mut self,
        path: &VirtualPath,
        attributes: &FileAttributes,
        steps: &mut Vec<Step>,
    ) -> Result<(), Broken> {
        if !self.command.recursive {
            self.failed += 1;
            return complain(self.output, &format!("{path}: not a regular file")).await;
        }
        let entries = match self.entries(path).await {
            Ok(entries) => entries,
            Err(error) => return self.refuse(path.as_str(), &error).await,
        };
        // The root has no name; clients put it under the name they asked for.
        let line = format!(
            "D{:04o} 0 {}\n",
            attributes.mode & 0o7777,
            path.name().unwrap_or(".")
        );
        if self.times(attributes).await? && self.tell(line).await? {
            steps.push(Step::EndDirectory);
            steps.extend(entries.into_iter().rev().map(Step::Send));
        }
        Ok(())
    }

    async fn entries(&self, path: &VirtualPath) -> gateway::Result<Vec<VirtualPath>> {
        let handle = self.session.open_directory(path).await?;
        let mut paths = Vec::new();
        while let Some(entries) = self.session.read_directory(handle).await? {
            paths.extend(
                entries
                    .iter()
                    .filter_map(|entry| path.join(&entry.name).ok()),
            );
        }
        self.session.close(handle).await?;
        Ok(paths)
    }

    async fn file(&mut self, path: &VirtualPath) -> Result<(), Broken> {
        let options = OpenOptions {
            read: true,
            ..OpenOptions::default()
        };
        let opened = async {
            let handle = self.session.open(path, &options).await?;
            Ok((handle, self.session.stat_handle(handle).await?))
        };
        let (handle, attributes) = match opened.await {
            Ok(opened) => opened,
            Err(error) => return self.refuse(path.as_str(), &error).await,
        };
        let name = path.name().unwrap_or_default();
        let line = format!(
            "C{:04o} {} {name}\n",
            attributes.mode & 0o7777,
            attributes.size
        );
        if self.times(&attributes).await? && self.tell(line).await? {
            self.bytes(path, handle, attributes.size).await?;
        }
        // A handle that was read from has nothing to lose.
        let _ = self.session.close(handle).await;
        Ok(())
    }

    /// Sends exactly `size` bytes, then whether they are right: the client counts on their number.
    async fn bytes(
        &mut self,
        path: &VirtualPath,
        handle: HandleId,
        size: u64,
    ) -> Result<(), Broken> {
        let mut failure = None;
        let mut offset = 0;
        while offset < size {
            let wanted = u32::try_from(size - offset).unwrap_or(PIECE).min(PIECE);
            let pieces = match &failure {
                Some(_) => Vec::new(),
                None => match self.session.read(handle, offset, wanted).await {
                    Ok(pieces) => pieces,
                    Err(error) => {
                        failure = Some(error.to_string());
                        Vec::new()
                    }
                },
            };
            let pieces = if pieces.is_empty() {
                failure.get_or_insert_with(|| "shorter than it was".to_owned());
                vec![Bytes::from(vec![0; wanted as usize])]
            } else {
                pieces
            };
            for piece in pieces {
                offset += piece.len() as u64;
                send(self.output, piece).await?;
            }
        }
        match failure {
            None => send(self.output, Bytes::from_static(b"\0")).await?,
            Some(text) => {
                self.failed += 1;
                complain(self.output, &format!("{path}: {text}")).await?;
            }
        }
        self.accepted().await.map(drop)
    }

    /// With `-p`, tells the times of what comes next; false where the client refused.
    async fn times(&mut self, attributes: &FileAttributes) -> Result<bool, Broken> {
        if !self.command.preserve {
            return Ok(true);
        }
        let seconds = |time: model::Timestamp| time.as_seconds().max(0);
        let (mtime, atime) = (seconds(attributes.mtime), seconds(attributes.atime));
        self.tell(format!("T{mtime} 0 {atime} 0\n")).await
    }

    /// Sends a line; false where the client refused it.
    async fn tell(&mut self, line: String) -> Result<bool, Broken> {
        send(self.output, line).await?;
        self.accepted().await
    }

    async fn accepted(&mut self) -> Result<bool, Broken> {
        match self.reader.answer().await? {
            Ok(()) => Ok(true),
            Err(complaint) => {
                tracing::debug!(complaint, "scp client refused");
                self.failed += 1;
                Ok(false)
            }
        }
    }

    async fn refuse(&mut self, subject: &str, error: &gateway::Error) -> Result<(), Broken> {
        self.failed += 1;
        report(self.output, subject, error).await
    }
}
