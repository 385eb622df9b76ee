//! `Report`: what a pass found and did, in words that an auditor keeps: counts, bytes, every
//! difference, and digests of the files and of the report itself.

use std::io::{self, Write};

use database::{ImportCount, ImportEntry, ImportJournal, ImportKind, ImportState};
use model::{ErrorKind, Timestamp};
use serde_json::json;

use super::job::{Job, unusable};
use super::sha256::Digest;
use crate::{Error, Result};

/// States in which something at the source is not at its target.
const DIFFERENCES: [ImportState; 6] = [
    ImportState::Failed,
    ImportState::Changing,
    ImportState::Begun,
    ImportState::Kept,
    ImportState::Refused,
    ImportState::Gone,
];

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFormat {
    /// Lines for people.
    Text,
    /// One JSON object: `report`, and `sha256` of the bytes of that as they stand there.
    Json,
}

/// How a pass ended.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    pub(crate) finished: Option<Timestamp>,
    /// Something of the source could not be looked at.
    pub(crate) incomplete: bool,
    pub(crate) stopped: bool,
}

/// What is to be told of a pass. Holds the journal until [`Self::end`].
#[derive(Debug)]
pub struct Report {
    job: Job,
    ending: Ending,
}

impl Report {
    pub(crate) fn new(job: Job, ending: Ending) -> Self {
        Self { job, ending }
    }

    /// Whether everything that can move stands at its target as it was at the source, and all of the
    /// source was seen.
    ///
    /// # Errors
    /// Where the journal cannot be read.
    pub async fn is_in_step(&self) -> Result<bool> {
        let counts = self.counts().await?;
        let differs = |count: &ImportCount| DIFFERENCES.contains(&count.state);
        Ok(!self.ending.stopped && !self.ending.incomplete && !counts.iter().any(differs))
    }

    async fn counts(&self) -> Result<Vec<ImportCount>> {
        self.journal()
            .counts(self.job.row.pass)
            .await
            .map_err(unusable)
    }

    fn journal(&self) -> &ImportJournal {
        &self.job.journal
    }

    /// Writes it. Differences are read page by page, however many there are.
    ///
    /// # Errors
    /// Where the journal cannot be read, or nobody takes what is written.
    pub async fn write(&self, format: ReportFormat, out: &mut (dyn Write + Send)) -> Result<()> {
        match format {
            ReportFormat::Text => self.write_text(out).await,
            ReportFormat::Json => self.write_json(out).await,
        }
    }

    async fn write_text(&self, out: &mut (dyn Write + Send)) -> Result<()> {
        let mut sealed = Sealed::new(out);
        let head = self.head_text();
        sealed.put(&head)?;
        sealed.put(&format!(
            "{:<12} {:>12} {:>20} {:>12}   OF THESE NOW\n",
            "STATE", "FILES", "BYTES", "DIRECTORIES"
        ))?;
        let counts = self.counts().await?;
        for state in ImportState::ALL {
            if let Some(line) = count_line(*state, &counts) {
                sealed.put(&line)?;
            }
        }
        sealed.put("\nDIFFERENCES\n")?;
        let mut any = false;
        for state in DIFFERENCES {
            let mut after = String::new();
            while let Some(page) = self.page(state, &mut after).await? {
                any = true;
                for entry in page {
                    let reason = entry.reason.as_deref().unwrap_or("");
                    sealed.put(&format!("{state:<12} {}  ({reason})\n", entry.name))?;
                }
            }
        }
        if !any {
            sealed.put("none\n")?;
        }
        let manifest = self.manifest(&mut io::sink()).await?;
        sealed.put(&format!("\nmanifest     SHA-256 {manifest}\n"))?;
        sealed.put(&format!("in step      {}\n", self.is_in_step().await?))?;
        let (out, digest) = sealed.end();
        put(
            out,
            &format!("report       SHA-256 of the lines above {digest}\n"),
        )
    }

    fn head_text(&self) -> String {
        let what = match self.job.is_rehearsal() {
            true => "Import of files: a dry run, nothing was changed",
            false => "Import of files",
        };
        let how = match (self.ending.stopped, self.ending.incomplete) {
            (true, _) => "stopped early; what has gone from the source was not looked for",
            (_, true) => {
                "incomplete: parts of the source could not be read; what has gone was not looked for"
            }
            _ => "complete",
        };
        format!(
            "{what}\nsource       {}\ntarget       {}\npass         {}, {} to {}\nwalk         {how}\n\n",
            self.job.name.source,
            self.job.name.target,
            self.job.row.pass,
            utc(self.job.started),
            self.ending.finished.map(utc).unwrap_or_default(),
        )
    }

    async fn write_json(&self, out: &mut (dyn Write + Send)) -> Result<()> {
        put(out, "{\"report\":")?;
        let mut sealed = Sealed::new(out);
        let counts: Vec<_> = self.counts().await?.iter().map(count_json).collect();
        let head = json!({
            "source": self.job.name.source,
            "target": self.job.name.target,
            "pass": self.job.row.pass,
            "dry_run": self.job.is_rehearsal(),
            "started": utc(self.job.started),
            "finished": self.ending.finished.map(utc),
            "complete": !self.ending.incomplete && !self.ending.stopped,
            "in_step": self.is_in_step().await?,
            "counts": counts,
            "manifest_sha256": self.manifest(&mut io::sink()).await?,
        });
        let head = head.to_string();
        // The differences follow as one more member: they are not held in memory.
        sealed.put(head.strip_suffix('}').unwrap_or(&head))?;
        sealed.put(",\"differences\":[")?;
        let mut separator = "";
        for state in DIFFERENCES {
            let mut after = String::new();
            while let Some(page) = self.page(state, &mut after).await? {
                for entry in page {
                    sealed.put(&format!("{separator}{}", difference_json(&entry)))?;
                    separator = ",";
                }
            }
        }
        sealed.put("]}")?;
        let (out, digest) = sealed.end();
        put(out, &format!(",\"sha256\":\"{digest}\"}}\n"))
    }

    async fn page(
        &self,
        state: ImportState,
        after: &mut String,
    ) -> Result<Option<Vec<ImportEntry>>> {
        let page = self
            .journal()
            .in_state(state, after)
            .await
            .map_err(unusable)?;
        if let Some(last) = page.last() {
            after.clone_from(&last.name);
        }
        Ok((!page.is_empty()).then_some(page))
    }

    /// Writes a line for each file that stands at its target: its SHA-256, two spaces, and its name at
    /// the source, as `sha256sum` does; those that were moved first, then those that were there, each
    /// in the order of names. Returns the SHA-256 of all of it.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn manifest(&self, out: &mut (dyn Write + Send)) -> Result<String> {
        let mut sealed = Sealed::new(out);
        for state in [ImportState::Moved, ImportState::Same] {
            let mut after = String::new();
            while let Some(page) = self.page(state, &mut after).await? {
                for entry in page.iter().filter(|entry| entry.kind == ImportKind::File) {
                    if let Some(sha256) = &entry.sha256 {
                        sealed.put(&format!("{sha256}  {}\n", entry.name))?;
                    }
                }
            }
        }
        Ok(sealed.end().1)
    }

    /// Lets go of the journal.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub async fn end(self) -> Result<()> {
        self.job.end().await
    }
}

fn count_line(state: ImportState, counts: &[ImportCount]) -> Option<String> {
    let of = |kind| {
        counts
            .iter()
            .find(move |count| count.state == state && count.kind == kind)
    };
    let (files, directories) = (of(ImportKind::File), of(ImportKind::Directory));
    let others = of(ImportKind::Other);
    let entries = |count: Option<&ImportCount>| count.map_or(0, |count| count.entries);
    let changed = |count: Option<&ImportCount>| count.map_or(0, |count| count.changed);
    files.or(directories).or(others)?;
    Some(format!(
        "{:<12} {:>12} {:>20} {:>12}   {} files of {} bytes, {} directories\n",
        state.as_str(),
        entries(files) + entries(others),
        files.map_or(0, |count| count.bytes),
        entries(directories),
        changed(files),
        files.map_or(0, |count| count.changed_bytes),
        changed(directories),
    ))
}

fn count_json(count: &ImportCount) -> serde_json::Value {
    json!({
        "kind": count.kind.as_str(),
        "state": count.state.as_str(),
        "entries": count.entries,
        "bytes": count.bytes,
        "changed_now": count.changed,
        "bytes_changed_now": count.changed_bytes,
    })
}

fn difference_json(entry: &ImportEntry) -> serde_json::Value {
    json!({
        "state": entry.state.as_str(),
        "kind": entry.kind.as_str(),
        "name": entry.name,
        "size": entry.size,
        "bucket": entry.target.as_ref().map(|target| target.bucket.as_str()),
        "key": entry.target.as_ref().map(|target| target.key.as_str()),
        "reason": entry.reason,
    })
}

/// A time as people read it, in UTC.
fn utc(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_second(time.as_seconds());
    time.map(|time| time.to_string()).unwrap_or_default()
}

/// Writes through and takes the digest of what it writes.
struct Sealed<'a> {
    out: &'a mut (dyn Write + Send),
    digest: Digest,
}

impl<'a> Sealed<'a> {
    fn new(out: &'a mut (dyn Write + Send)) -> Self {
        let digest = Digest::default();
        Self { out, digest }
    }

    fn put(&mut self, text: &str) -> Result<()> {
        self.digest.add(text.as_bytes());
        put(self.out, text)
    }

    fn end(self) -> (&'a mut (dyn Write + Send), String) {
        (self.out, self.digest.end())
    }
}

fn put(out: &mut (dyn Write + Send), text: &str) -> Result<()> {
    out.write_all(text.as_bytes()).map_err(|error| {
        let reason = error.to_string();
        Error::new(ErrorKind::Unavailable, "write", "the report", reason).caused_by(error)
    })
}
