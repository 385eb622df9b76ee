//! `UserLimits`: how much a user, or each member of a group, may have at most.

use serde::{Deserialize, Serialize};

/// Limits of a user, or of each member of a group; the smaller one holds. Absent means none here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserLimits {
    /// Sessions at the same time, on one node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sessions: Option<u32>,
    /// Bytes that his files have in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Files that he has in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Bytes of one file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_size: Option<u64>,
    /// Names that files may be given, as globs (`*.csv`); any where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_names: Vec<String>,
    /// Names that files may not be given, as globs (`*.exe`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub denied_names: Vec<String>,
    /// Bytes a second that he sends, in all his sessions on one node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload_rate: Option<u64>,
    /// Bytes a second that he is sent, in all his sessions on one node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub download_rate: Option<u64>,
}
