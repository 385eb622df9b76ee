//! What a partner would notice.

use serde::Serialize;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Who would notice; none where everybody does.
    pub user: Option<String>,
    /// What is different: `host key`, `login`, `size`, ..
    pub what: &'static str,
    /// Of which file or directory.
    pub path: Option<String>,
    /// At the old server; none where nothing is there.
    pub old: Option<String>,
    /// At the new one.
    pub new: Option<String>,
}

/// All of them, and how much was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Notices {
    /// Partners who were compared.
    pub partners: u64,
    /// Files and directories that were looked at on both sides.
    pub entries: u64,
    /// Files whose contents were compared.
    pub contents: u64,
    /// Differences that are not told one by one, since a partner has too many.
    pub more: u64,
    /// What is different.
    pub notices: Vec<Notice>,
}

impl Notices {
    /// Whether nobody would notice anything.
    pub fn is_empty(&self) -> bool {
        self.notices.is_empty()
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.partners += other.partners;
        self.entries += other.entries;
        self.contents += other.contents;
        self.more += other.more;
        self.notices.extend(other.notices);
    }
}

impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let or_none = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".to_owned());
        if let Some(user) = &self.user {
            write!(f, "{user}: ")?;
        }
        f.write_str(self.what)?;
        if let Some(path) = &self.path {
            write!(f, " of {path}")?;
        }
        write!(
            f,
            ": {} there, {} here",
            or_none(&self.old),
            or_none(&self.new)
        )
    }
}

/// Collects what one partner would notice.
#[derive(Debug)]
pub(crate) struct Collector {
    user: Option<String>,
    most: usize,
    pub(crate) told: Notices,
}

impl Collector {
    /// At most so many are kept one by one.
    pub(crate) fn new(user: Option<&str>, most: usize) -> Self {
        Self {
            user: user.map(str::to_owned),
            most,
            told: Notices::default(),
        }
    }

    /// Keeps a difference; nothing where both sides are the same.
    pub(crate) fn compare(
        &mut self,
        what: &'static str,
        path: Option<&str>,
        old: Option<String>,
        new: Option<String>,
    ) {
        if old == new {
            return;
        }
        if self.told.notices.len() >= self.most {
            self.told.more += 1;
            return;
        }
        self.told.notices.push(Notice {
            user: self.user.clone(),
            what,
            path: path.map(str::to_owned),
            old,
            new,
        });
    }
}
