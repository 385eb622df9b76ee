//! Where the database is: the URL of the settings, read once.

use std::fmt;
use std::path::PathBuf;

/// A text that names no database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the database URL is not valid: write sqlite:PATH (sqlite:///absolute/path) or \
     postgres://USER:PASSWORD@HOST/DATABASE"
)]
pub struct InvalidDatabaseUrl;

/// The URL of a database. Prints without what may be secret in it.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// `sqlite:PATH`, `sqlite://PATH`: a file, made where it is missing.
    Sqlite(PathBuf),
    /// `postgres://..`, `postgresql://..`, as libpq reads it.
    Postgres(String),
}

impl DatabaseUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`InvalidDatabaseUrl`] where it is neither of the two.
    pub fn parse(text: &str) -> Result<Self, InvalidDatabaseUrl> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        let path = text.strip_prefix("sqlite:").ok_or(InvalidDatabaseUrl)?;
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.contains(['?', '\0']) || path == ":memory:" {
            return Err(InvalidDatabaseUrl);
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }
}

impl std::str::FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidDatabaseUrl> {
        Self::parse(text)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => {
                // User, password and parameters stay out.
                let rest = url.split_once("://").map_or("", |(_, rest)| rest);
                let rest = rest.split('?').next().unwrap_or("");
                let place = rest.rsplit('@').next().unwrap_or("");
                write!(f, "postgres://{place}")
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_or_refused() {
        for (text, path) in [
            ("sqlite:a.db", "a.db"),
            ("sqlite://a/b.db", "a/b.db"),
            ("sqlite:///var/lib/p.db", "/var/lib/p.db"),
        ] {
            assert_eq!(text.parse(), Ok(DatabaseUrl::Sqlite(PathBuf::from(path))));
        }
        for wrong in [
            "",
            "sqlite:",
            "sqlite::memory:",
            "mysql://x",
            "a.db",
            "sqlite://a?mode=ro",
        ] {
            assert_eq!(
                DatabaseUrl::parse(wrong),
                Err(InvalidDatabaseUrl),
                "{wrong}"
            );
        }
    }

    #[test]
    fn passwords_are_not_printed() {
        let url = DatabaseUrl::parse("postgres://me:p@ss@db.example/pierhead?password=x");
        let url = url.expect("valid");
        assert_eq!(url.to_string(), "postgres://db.example/pierhead");
        assert!(!format!("{url:?}").contains("ss@"));
    }
}
