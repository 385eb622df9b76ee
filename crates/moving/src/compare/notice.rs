//! What a partner would notice.

use serde::Serialize;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// He would notice it, or could.
    Difference,
    /// It is different, and his client makes nothing of it.
    Remark,
}

/// One thing that is different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// How much it matters.
    pub weight: Weight,
    /// Who would notice; none where everybody does.
    pub user: Option<String>,
    /// What is different: `host key`, `login`, `size`, ..
    pub what: &'static str,
    /// Of which file, directory or algorithm.
    pub of: Option<String>,
    /// At the old server; none where nothing is there.
    pub old: Option<String>,
    /// At the new one.
    pub new: Option<String>,
    /// What it means, where that is not plain.
    pub meaning: Option<&'static str>,
}

/// All of them, and how much was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Notices {
    /// Partners who were compared.
    pub partners: u64,
    /// Files and directories that were looked at.
    pub entries: u64,
    /// Files whose contents were compared.
    pub contents: u64,
    /// Differences that are not told one by one, since a partner has too many.
    pub more: u64,
    /// What could not be compared, and why.
    pub unseen: Vec<String>,
    /// What is different.
    pub notices: Vec<Notice>,
}

impl Notices {
    /// Whether everything was compared and nobody would notice anything.
    pub fn is_as_before(&self) -> bool {
        self.differences() == 0 && self.unseen.is_empty()
    }

    /// How many things partners would notice.
    pub fn differences(&self) -> u64 {
        let counts = |notice: &&Notice| notice.weight == Weight::Difference;
        self.notices.iter().filter(counts).count() as u64 + self.more
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.partners += other.partners;
        self.entries += other.entries;
        self.contents += other.contents;
        self.more += other.more;
        self.unseen.extend(other.unseen);
        self.notices.extend(other.notices);
    }
}

impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let or_none = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".to_owned());
        write!(
            f,
            "{}: {}",
            self.user.as_deref().unwrap_or("everybody"),
            self.what
        )?;
        if let Some(of) = &self.of {
            write!(f, " of {of}")?;
        }
        let (old, new) = (or_none(&self.old), or_none(&self.new));
        write!(f, ": {old} at the old server, {new} at the new one")?;
        match self.meaning {
            Some(meaning) => write!(f, " ({meaning})"),
            None => Ok(()),
        }
    }
}

/// Collects what one partner, or everybody, would notice.
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
        of: Option<&str>,
        old: Option<String>,
        new: Option<String>,
    ) {
        self.add(Weight::Difference, what, of, (old, new), None);
    }

    /// The same with its weight, and what it means.
    pub(crate) fn add(
        &mut self,
        weight: Weight,
        what: &'static str,
        of: Option<&str>,
        (old, new): (Option<String>, Option<String>),
        meaning: Option<&'static str>,
    ) {
        if old == new {
            return;
        }
        if self.told.notices.len() >= self.most {
            self.told.more += u64::from(weight == Weight::Difference);
            return;
        }
        let (user, of) = (self.user.clone(), of.map(str::to_owned));
        self.told.notices.push(Notice {
            weight,
            user,
            what,
            of,
            old,
            new,
            meaning,
        });
    }

    /// Keeps what could not be compared.
    pub(crate) fn unseen(&mut self, what: impl std::fmt::Display) {
        let who = self.user.as_deref().unwrap_or("everybody");
        let told = format!("{who}: {what}");
        // As notices, at most so many.
        if self.told.unseen.len() < self.most {
            self.told.unseen.push(told);
        }
    }
}
