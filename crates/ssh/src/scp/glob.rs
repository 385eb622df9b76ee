//! `*` and `?` in the paths of `scp -f`, which a shell would expand at the server.

use std::sync::Arc;

use gateway::Session;
use model::VirtualPath;

use super::command::Word;

/// The paths that `word` stands for, in order of their names; itself where nothing matches or
/// nothing is to be expanded. Wildcards count in the last name alone.
pub(super) async fn expand(
    word: &Word,
    session: &Arc<Session>,
) -> gateway::Result<Vec<VirtualPath>> {
    let literal = || session.resolve(word.text.as_bytes()).map(|path| vec![path]);
    let (directory, from) = match word.text.rfind('/') {
        Some(slash) => (&word.text[..=slash], slash + 1),
        None => ("", 0),
    };
    let pattern: Vec<Symbol> = symbols(word, from);
    if !pattern
        .iter()
        .any(|symbol| matches!(symbol, Symbol::Any | Symbol::Run))
    {
        return literal();
    }
    let directory = session.resolve(directory.as_bytes())?;
    let handle = session.open_directory(&directory).await?;
    let mut found = Vec::new();
    while let Some(entries) = session.read_directory(handle).await? {
        // A leading dot is matched only by a dot, as in a shell.
        let hidden =
            |name: &str| name.starts_with('.') && pattern.first() != Some(&Symbol::One('.'));
        for entry in entries.iter().filter(|entry| !hidden(&entry.name)) {
            if matches(&pattern, &entry.name.chars().collect::<Vec<_>>()) {
                found.extend(directory.join(&entry.name).ok());
            }
        }
    }
    session.close(handle).await?;
    if found.is_empty() {
        literal()
    } else {
        Ok(found)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symbol {
    One(char),
    Any,
    Run,
}

fn symbols(word: &Word, from: usize) -> Vec<Symbol> {
    let of = |(offset, character): (usize, char)| match character {
        '*' if word.wildcards.contains(&offset) => Symbol::Run,
        '?' if word.wildcards.contains(&offset) => Symbol::Any,
        character => Symbol::One(character),
    };
    word.text
        .char_indices()
        .filter(|(offset, _)| *offset >= from)
        .map(of)
        .collect()
}

/// Whether a name matches. Steps back to the last run only, so its time is bounded by the product
/// of the lengths.
fn matches(pattern: &[Symbol], name: &[char]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut last_run: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(Symbol::Run) => {
                last_run = Some((p, n));
                p += 1;
            }
            Some(Symbol::Any) => (p, n) = (p + 1, n + 1),
            Some(Symbol::One(character)) if name.get(n) == Some(character) => {
                (p, n) = (p + 1, n + 1)
            }
            _ => match last_run {
                None => return false,
                Some((run, taken)) => {
                    last_run = Some((run, taken + 1));
                    (p, n) = (run + 1, taken + 1);
                }
            },
        }
    }
    pattern.iter().skip(p).all(|symbol| *symbol == Symbol::Run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_matched_as_in_a_shell() {
        let check = |pattern: &str, name: &str| {
            let wildcards = pattern
                .match_indices(['*', '?'])
                .map(|(offset, _)| offset)
                .collect();
            let word = Word {
                text: pattern.to_owned(),
                wildcards,
            };
            matches(&symbols(&word, 0), &name.chars().collect::<Vec<_>>())
        };
        for (pattern, name) in [
            ("*", ""),
            ("*", "a"),
            ("a*", "abc"),
            ("*c", "abc"),
            ("a?c", "abc"),
            ("*b*", "abc"),
            ("**", "x"),
            ("?", "é"),
        ] {
            assert!(check(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("?", ""),
            ("a*", "ba"),
            ("*b", "abc"),
            ("a?c", "ac"),
            ("a", "b"),
        ] {
            assert!(!check(pattern, name), "{pattern} {name}");
        }
        let endless = "a*".repeat(30);
        assert!(!check(&format!("{endless}b"), &"a".repeat(200)));
    }
}
