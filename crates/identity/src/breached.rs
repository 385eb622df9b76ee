//! A file of hashes of passwords that became known, looked up where it lies.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use model::Secret;

/// A list that cannot be used, or not be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("look up password in the breached list {path}: {fault}", path = path.display())]
pub struct BreachedListError {
    path: PathBuf,
    fault: String,
    #[source]
    source: Option<Arc<io::Error>>,
}

/// A sorted file with a line for each password: its SHA-1 or SHA-256 in hexadecimal, then
/// anything behind a colon (a count, as Have I Been Pwned writes it). Nothing of it is kept in
/// memory: a look-up reads some forty short pieces of even the largest. Who replaces the file
/// renames another into its place and opens it again.
#[derive(Debug)]
pub struct BreachedList {
    file: File,
    path: PathBuf,
    length: u64,
    algorithm: &'static Algorithm,
}

/// The longest line, its end included: a SHA-256, a colon and a number.
const MAX_LINE: u64 = 128;

impl BreachedList {
    /// Opens a list and looks at its first line and its last.
    ///
    /// # Errors
    /// [`BreachedListError`] where it cannot be read, is empty, has no such hashes, or is not
    /// sorted as far as these two lines tell.
    pub fn open(path: &Path) -> Result<Self, BreachedListError> {
        let failed = |source: io::Error| BreachedListError {
            path: path.to_owned(),
            fault: "it cannot be opened".to_owned(),
            source: Some(Arc::new(source)),
        };
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let mut list = Self {
            file,
            path: path.to_owned(),
            length,
            algorithm: &SHA1_FOR_LEGACY_USE_ONLY,
        };
        let (first, _) = list.line_at(0)?;
        list.algorithm = match first.len() {
            40 => &SHA1_FOR_LEGACY_USE_ONLY,
            64 => &SHA256,
            _ => return Err(list.fault("its first line is not a SHA-1 or a SHA-256")),
        };
        let (last, _) = list.line_from(length.saturating_sub(2))?;
        match last.len() == first.len() && first <= last {
            true => Ok(list),
            false => Err(list.fault("it is not sorted by hash, or its hashes differ in length")),
        }
    }

    /// Whether this password is on the list. Reads from the disk: not on an async thread.
    ///
    /// # Errors
    /// [`BreachedListError`] where the file cannot be read, or holds other lines where it was
    /// looked at.
    pub fn contains(&self, password: &Secret<String>) -> Result<bool, BreachedListError> {
        let hash = digest(self.algorithm, password.expose().as_bytes());
        let wanted = data_encoding::HEXUPPER.encode(hash.as_ref());
        // Lines that begin before `low` are smaller, lines that begin at `high` or later greater.
        let (mut low, mut high) = (0, self.length);
        while low < high {
            let middle = low + (high - low) / 2;
            let (start, line, end) = self.line_around(middle)?;
            match line.as_str().cmp(&wanted) {
                std::cmp::Ordering::Equal => return Ok(true),
                std::cmp::Ordering::Less => low = end,
                std::cmp::Ordering::Greater => high = start,
            }
        }
        Ok(false)
    }

    fn line_from(&self, place: u64) -> Result<(String, u64), BreachedListError> {
        let (_, line, end) = self.line_around(place)?;
        Ok((line, end))
    }

    /// The line that this byte belongs to: where it begins, its hash, and where the next begins.
    fn line_around(&self, place: u64) -> Result<(u64, String, u64), BreachedListError> {
        let from = place.saturating_sub(MAX_LINE);
        let before = self.read(from, place - from)?;
        let start = match before.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => from + end as u64 + 1,
            None if from == 0 => 0,
            None => return Err(self.fault("a line has more than 128 bytes")),
        };
        let (hash, end) = self.line_at(start)?;
        Ok((start, hash, end))
    }

    /// The hash of the line that begins here, in large letters, and where the next begins.
    fn line_at(&self, start: u64) -> Result<(String, u64), BreachedListError> {
        let bytes = self.read(start, MAX_LINE)?;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let length = match end {
            Some(end) => end,
            None if start + (bytes.len() as u64) == self.length => bytes.len(),
            None => return Err(self.fault("a line has more than 128 bytes")),
        };
        let line = bytes.get(..length).unwrap_or_default().trim_ascii_end();
        let hash = line.split(|byte| *byte == b':').next().unwrap_or_default();
        if !matches!(hash.len(), 40 | 64) || !hash.iter().all(u8::is_ascii_hexdigit) {
            return Err(self.fault("a line does not begin with a SHA-1 or a SHA-256"));
        }
        let hash = String::from_utf8_lossy(hash).to_ascii_uppercase();
        Ok((hash, start + length as u64 + u64::from(end.is_some())))
    }

    /// Up to so many bytes from here; fewer at the end of the file only.
    fn read(&self, from: u64, length: u64) -> Result<Vec<u8>, BreachedListError> {
        let length = length.min(self.length.saturating_sub(from));
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        let read = self.file.read_exact_at(&mut bytes, from);
        read.map_err(|source| BreachedListError {
            source: Some(Arc::new(source)),
            ..self.fault("it cannot be read")
        })?;
        Ok(bytes)
    }

    fn fault(&self, fault: &str) -> BreachedListError {
        BreachedListError {
            path: self.path.clone(),
            fault: fault.to_owned(),
            source: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    fn hash(algorithm: &'static Algorithm, password: &str) -> String {
        data_encoding::HEXUPPER.encode(digest(algorithm, password.as_bytes()).as_ref())
    }

    fn list(lines: &str) -> (Result<BreachedList, BreachedListError>, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("breached.txt");
        std::fs::write(&path, lines).expect("written");
        (BreachedList::open(&path), folder)
    }

    fn sorted<'a>(
        algorithm: &'static Algorithm,
        passwords: impl IntoIterator<Item = &'a str>,
        end: &str,
    ) -> String {
        let hashes: BTreeSet<String> = passwords
            .into_iter()
            .map(|password| hash(algorithm, password))
            .collect();
        hashes.iter().map(|hash| format!("{hash}{end}")).collect()
    }

    #[test]
    fn passwords_are_found_in_every_way_to_write_the_list() {
        let passwords: Vec<String> = (0..300).map(|n| format!("password{n}")).collect();
        let words = || passwords.iter().map(String::as_str);
        for lines in [
            sorted(&SHA1_FOR_LEGACY_USE_ONLY, words(), "\n"),
            sorted(&SHA1_FOR_LEGACY_USE_ONLY, words(), ":17\r\n"),
            sorted(&SHA1_FOR_LEGACY_USE_ONLY, words(), "\n")
                .trim_end()
                .to_owned(),
            sorted(&SHA256, words(), "\n"),
            sorted(&SHA256, words(), "\n").to_ascii_lowercase(),
        ] {
            let (list, _folder) = list(&lines);
            let list = list.expect("list");
            for password in words() {
                assert!(
                    list.contains(&secret(password)).expect("read"),
                    "{password}"
                );
            }
            for other in ["", "password", "password300", "correct horse"] {
                assert!(!list.contains(&secret(other)).expect("read"), "{other}");
            }
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let (one, two) = (hash(&SHA256, "one"), hash(&SHA256, "two"));
        let (low, high) = if one < two { (one, two) } else { (two, one) };
        for lines in [
            String::new(),
            "\n".to_owned(),
            "hunter2\n".to_owned(),
            format!("{high}\n{low}\n"),
            format!("{}\n{high}\n", hash(&SHA1_FOR_LEGACY_USE_ONLY, "one")),
            format!("{low}{}\n", ":".repeat(200)),
        ] {
            let (list, _folder) = list(&lines);
            let error = list.expect_err(&lines).to_string();
            assert!(error.contains("breached.txt"), "{error}");
        }
        let missing = BreachedList::open(Path::new("/nowhere/breached.txt"));
        assert!(
            missing
                .expect_err("missing")
                .to_string()
                .contains("cannot be opened")
        );
    }

    #[test]
    fn a_line_that_is_none_is_an_error_and_not_a_no() {
        let hashes = sorted(&SHA256, ["a", "b", "c", "d"], "\n");
        let (first, rest) = hashes.split_at(65);
        let (list, _folder) = list(&format!("{first}{}\n{rest}", "z".repeat(100)));
        let list = list.expect("first and last are right");
        let looked = ["a", "b", "c", "d", "e", "f"].map(|word| list.contains(&secret(word)));
        assert!(looked.iter().any(Result::is_err));
    }

    proptest! {
        #[test]
        fn a_list_holds_what_it_was_made_of(
            words in prop::collection::btree_set("[a-z]{1,3}", 1..40),
            others in prop::collection::vec("[a-z]{1,3}", 0..40),
            ends in prop::sample::select(vec!["\n", ":1\n", ":9999999\r\n"]),
        ) {
            let lines = sorted(&SHA1_FOR_LEGACY_USE_ONLY, words.iter().map(String::as_str), ends);
            let (list, _folder) = list(&lines);
            let list = list.expect("list");
            for word in words.iter().chain(&others) {
                prop_assert_eq!(list.contains(&secret(word)).expect("read"), words.contains(word));
            }
        }
    }
}
