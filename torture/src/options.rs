//! What the torture was asked for.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

/// Where objects are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreKind {
    Local,
    S3,
    Moto,
}

/// Where rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatabaseKind {
    Sqlite,
    Postgres,
}

/// The command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// The gateway.
    pub(crate) binary: PathBuf,
    /// moto's server; without it moto is left out.
    pub(crate) moto: Option<PathBuf>,
    /// Every choice follows from it.
    pub(crate) seed: u64,
    /// In all, shared out among the combinations.
    pub(crate) kills: u32,
    pub(crate) stores: Vec<StoreKind>,
    pub(crate) databases: Vec<DatabaseKind>,
    /// What the partners do not do.
    pub(crate) without: Vec<String>,
}

impl StoreKind {
    pub(crate) const ALL: [Self; 3] = [Self::Local, Self::S3, Self::Moto];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::S3 => "s3",
            Self::Moto => "moto",
        }
    }

    fn parse(name: &str) -> Result<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.name() == name)
            .with_context(|| format!("--store {name}: the stores are local, s3, moto"))
    }
}

impl DatabaseKind {
    pub(crate) const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    fn parse(name: &str) -> Result<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.name() == name)
            .with_context(|| format!("--database {name}: the databases are sqlite, postgres"))
    }
}

impl Options {
    /// Reads the command line; `fresh_seed` counts where it names none.
    pub(crate) fn parse(
        mut arguments: impl Iterator<Item = String>,
        fresh_seed: u64,
    ) -> Result<Self> {
        let mut options = Self {
            binary: PathBuf::new(),
            moto: None,
            seed: fresh_seed,
            kills: 1000,
            stores: Vec::new(),
            databases: Vec::new(),
            without: Vec::new(),
        };
        while let Some(flag) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .with_context(|| format!("{flag} needs a value"))
            };
            match flag.as_str() {
                "--quick" => options.kills = 30,
                "--kills" => options.kills = value()?.parse().context("--kills")?,
                "--seed" => options.seed = value()?.parse().context("--seed")?,
                "--store" => options.stores.push(StoreKind::parse(&value()?)?),
                "--database" => options.databases.push(DatabaseKind::parse(&value()?)?),
                "--without" => options.without.push(value()?),
                "--binary" => options.binary = value()?.into(),
                "--moto" => options.moto = Some(value()?.into()),
                other => bail!("torture knows no `{other}`"),
            }
        }
        if options.binary.as_os_str().is_empty() {
            bail!("--binary PATH: the pierhead to kill");
        }
        if options.databases.is_empty() {
            options.databases = DatabaseKind::ALL.to_vec();
        }
        if options.stores.is_empty() {
            options.stores = StoreKind::ALL.to_vec();
        }
        Ok(options)
    }

    /// Every store with every database, and how often each is killed: moto, which is slow, the
    /// least.
    pub(crate) fn combinations(&self) -> Vec<(StoreKind, DatabaseKind, u32)> {
        let mut combinations = Vec::new();
        for store in &self.stores {
            for database in &self.databases {
                if *store != StoreKind::Moto || self.moto.is_some() {
                    combinations.push((*store, *database, weight(*store)));
                }
            }
        }
        let weights: u32 = combinations.iter().map(|(.., weight)| weight).sum();
        for (.., share) in &mut combinations {
            *share = (self.kills * *share).div_ceil(weights.max(1));
        }
        combinations
    }
}

fn weight(store: StoreKind) -> u32 {
    match store {
        StoreKind::Local | StoreKind::S3 => 4,
        StoreKind::Moto => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options> {
        Options::parse(words.iter().map(|word| (*word).to_owned()), 1)
    }

    #[test]
    fn a_thousand_kills_unless_quick() {
        assert_eq!(parse(&["--binary", "p"]).unwrap().kills, 1000);
        assert_eq!(parse(&["--binary", "p", "--quick"]).unwrap().kills, 30);
    }

    #[test]
    fn kills_are_shared_out() {
        let options = parse(&["--binary", "p", "--moto", "m", "--kills", "36"]).unwrap();
        let combinations = options.combinations();
        assert_eq!(combinations.len(), 6);
        let kills: u32 = combinations.iter().map(|(.., kills)| kills).sum();
        assert_eq!(kills, 36);
    }

    #[test]
    fn strange_words_are_refused() {
        assert!(parse(&["--binary", "p", "--store", "tape"]).is_err());
        assert!(parse(&["--binary", "p", "--sed", "1"]).is_err());
        assert!(parse(&["--seed", "1"]).is_err());
    }
}
