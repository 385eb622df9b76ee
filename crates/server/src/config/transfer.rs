//! `[transfer]`: the limits of the transfer engine.

use serde::{Deserialize, Serialize};

use super::load::{Fault, positive};
use super::{ByteSize, Span};

/// Less, and a node could not hold one part of each kind.
const LEAST_MEMORY: ByteSize = ByteSize::mebibytes(32);

/// `[transfer]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TransferConfig {
    /// Upload bytes on their way to the store, in the whole process; more than this slows clients.
    pub upload_memory: ByteSize,
    /// Bytes read ahead for downloads, in the whole process.
    pub download_memory: ByteSize,
    /// Bytes of half-full parts held in memory, in the whole process; more goes to staging.
    pub partial_memory: ByteSize,
    /// Parts of one upload sent at the same time.
    pub parallel_parts: u32,
    /// Bytes of one upload that may be acknowledged before the store has them.
    pub unsaved: ByteSize,
    /// Bytes read ahead for one download.
    pub read_ahead: ByteSize,
    /// Larger objects are copied by ranges; the store's own limit where absent.
    pub largest_copy: Option<ByteSize>,
    /// Write what SETSTAT says into objects that stand, by a copy onto themselves.
    pub rewrite_metadata: bool,
    /// What a connection that ends before CLOSE leaves of its uploads.
    pub unfinished: UnfinishedUploads,
    /// How long an unfinished upload is kept.
    pub retention: Span,
    /// Whether a CLOSE is held against the size that the client declared.
    pub completeness: Completeness,
    /// How the names of files end that stay private until they are renamed.
    pub temporary_suffixes: Vec<String>,
    /// How long one waits for the right to change an object while another has it.
    pub claim_wait: Span,
    /// Such a right that its holder has not renewed for this long is taken over.
    pub stale_claim: Span,
}

/// What a connection that ends before CLOSE leaves of its uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UnfinishedUploads {
    /// What is safe, for its owner to continue.
    Resume,
    /// Nothing.
    Discard,
}

/// Whether a CLOSE is held against the size that the client declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Completeness {
    /// A CLOSE always publishes.
    Off,
    /// One that comes with fewer bytes keeps the file unfinished.
    Declared,
}

impl Default for TransferConfig {
    fn default() -> Self {
        Self {
            upload_memory: ByteSize::mebibytes(256),
            download_memory: ByteSize::mebibytes(256),
            partial_memory: ByteSize::mebibytes(256),
            parallel_parts: 4,
            unsaved: ByteSize::mebibytes(16),
            read_ahead: ByteSize::mebibytes(16),
            largest_copy: None,
            rewrite_metadata: false,
            unfinished: UnfinishedUploads::Resume,
            retention: Span::minutes(24 * 60),
            completeness: Completeness::Off,
            temporary_suffixes: [".filepart", ".part", ".tmp", ".partial"]
                .map(str::to_owned)
                .to_vec(),
            claim_wait: Span::seconds(30),
            stale_claim: Span::minutes(2),
        }
    }
}

impl TransferConfig {
    /// Whether a node can work with these.
    pub(super) fn check(&self) -> Result<(), Fault> {
        positive([("transfer.parallel_parts", self.parallel_parts)])?;
        positive([("transfer.read_ahead", self.read_ahead.bytes())])?;
        positive([("transfer.retention", self.retention.duration().as_secs())])?;
        let suffixes = &self.temporary_suffixes;
        if let Some(odd) = suffixes.iter().find(|suffix| !is_suffix(suffix)) {
            let message = format!("{odd:?} is no end of a file name; write \".part\"");
            return Err(("transfer.temporary_suffixes", message));
        }
        let memories = [
            ("transfer.upload_memory", self.upload_memory),
            ("transfer.download_memory", self.download_memory),
            ("transfer.partial_memory", self.partial_memory),
        ];
        match memories
            .into_iter()
            .find(|(_, size)| size.bytes() < LEAST_MEMORY.bytes())
        {
            Some((key, size)) => Err((
                key,
                format!("{size} is too little: a node needs {LEAST_MEMORY} or more"),
            )),
            None => Ok(()),
        }
    }
}

/// Whether names can end like this, and are longer than that.
fn is_suffix(text: &str) -> bool {
    !text.is_empty() && text.len() < 64 && !text.contains(['/', '\0'])
}
