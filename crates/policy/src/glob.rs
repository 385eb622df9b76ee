//! Patterns of text with `*` and `?`, matched without backtracking.

/// What a pattern is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// Itself, whatever characters it holds.
    Text(String),
    /// `*`: any characters, or none.
    Any,
    /// `?`: one character.
    One,
    /// Nothing, but only at the end or before a `/`: where a home must not go on as another name.
    Edge,
}

/// A pattern that whole texts match or do not. A match costs at most the length of the text times
/// that of the longest piece between two `*`, and is linear where that holds no `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Glob {
    head: Piece,
    /// What follows the first `*`.
    open: Option<Open>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Open {
    middle: Vec<Piece>,
    tail: Piece,
}

impl Glob {
    pub(crate) fn new(tokens: impl IntoIterator<Item = Token>) -> Self {
        let mut pieces = vec![Piece::default()];
        for token in tokens {
            match (token, pieces.last_mut()) {
                (Token::Any, _) | (_, None) => pieces.push(Piece::default()),
                (token, Some(piece)) => piece.push(token),
            }
        }
        let mut pieces = pieces.into_iter();
        let head = pieces.next().unwrap_or_default();
        let mut middle: Vec<Piece> = pieces.collect();
        let open = middle.pop().map(|tail| {
            middle.retain(|piece| !piece.atoms.is_empty());
            Open { middle, tail }
        });
        Self { head, open }
    }

    /// Whether the whole of `text` matches.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let Some(mut rest) = self.head.strip(text) else {
            return false;
        };
        let Some(open) = &self.open else {
            return rest.is_empty();
        };
        for piece in &open.middle {
            // The leftmost place leaves the most for what follows: no other needs a try.
            match piece.find(rest) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        open.tail.ends(rest)
    }
}

/// What stands between two `*`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Piece {
    atoms: Vec<Atom>,
    characters: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Atom {
    Text(String),
    One,
    Edge,
}

impl Piece {
    fn push(&mut self, token: Token) {
        match token {
            Token::Text(text) => {
                self.characters += text.chars().count();
                match self.atoms.last_mut() {
                    Some(Atom::Text(before)) => before.push_str(&text),
                    _ if text.is_empty() => {}
                    _ => self.atoms.push(Atom::Text(text)),
                }
            }
            Token::One => {
                self.characters += 1;
                self.atoms.push(Atom::One);
            }
            Token::Edge => self.atoms.push(Atom::Edge),
            Token::Any => {}
        }
    }

    /// What is left of `text` behind this piece, where it begins with it.
    fn strip<'t>(&self, text: &'t str) -> Option<&'t str> {
        self.atoms.iter().try_fold(text, |rest, atom| match atom {
            Atom::Text(text) => rest.strip_prefix(text.as_str()),
            Atom::One => {
                let mut characters = rest.chars();
                characters.next()?;
                Some(characters.as_str())
            }
            Atom::Edge => (rest.is_empty() || rest.starts_with('/')).then_some(rest),
        })
    }

    /// What is left behind the first place where this piece stands.
    fn find<'t>(&self, text: &'t str) -> Option<&'t str> {
        if let [Atom::Text(only)] = self.atoms.as_slice() {
            return text.split_once(only.as_str()).map(|(_, after)| after);
        }
        let mut rest = text;
        loop {
            if let Some(after) = self.strip(rest) {
                return Some(after);
            }
            let mut characters = rest.chars();
            characters.next()?;
            rest = characters.as_str();
        }
    }

    /// Whether `text` ends with this piece.
    fn ends(&self, text: &str) -> bool {
        let last = match (self.atoms.as_slice(), self.characters.checked_sub(1)) {
            ([], _) => return true,
            ([Atom::Text(only)], _) => return text.ends_with(only.as_str()),
            (_, None) => Some(text.len()),
            (_, Some(before)) => text.char_indices().rev().nth(before).map(|(at, _)| at),
        };
        last.and_then(|at| text.get(at..))
            .and_then(|end| self.strip(end))
            .is_some_and(str::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokens(pattern: &str) -> Vec<Token> {
        let token = |character| match character {
            '*' => Token::Any,
            '?' => Token::One,
            '|' => Token::Edge,
            other => Token::Text(other.to_string()),
        };
        pattern.chars().map(token).collect()
    }

    fn slow(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skip| slow(rest, &text[skip..])),
            Some(('?', rest)) => !text.is_empty() && slow(rest, &text[1..]),
            Some(('|', rest)) => (text.is_empty() || text[0] == '/') && slow(rest, text),
            Some((one, rest)) => text.first() == Some(one) && slow(rest, &text[1..]),
        }
    }

    #[test]
    fn patterns_match_whole_texts() {
        for (pattern, text, wanted) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("**", "a/b", true),
            ("a*", "a", true),
            ("*a", "ba", true),
            ("a*a", "a", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("?", "\u{fc}", true),
            ("*?", "", false),
            ("*\u{fc}?", "x\u{fc}\u{20ac}", true),
            ("home/*/x", "home/a/b/x", true),
            ("*.csv", "a.csv.tmp", false),
            ("acme|*", "acme", true),
            ("acme|*", "acme/x", true),
            ("acme|*", "acme2/x", false),
            ("acme|?*", "acme/x", true),
            ("*acme|*", "acme2/acme", true),
        ] {
            let found = Glob::new(tokens(pattern)).matches(text);
            assert_eq!(found, wanted, "{pattern:?} on {text:?}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_stays_cheap() {
        let glob = Glob::new(tokens(&"*a?".repeat(600)));
        assert!(!glob.matches(&"a".repeat(1_100)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn the_slow_matcher_agrees(
            // An edge stands before wildcards alone; elsewhere it is never made.
            pattern in "([ab/\u{fc}*?]|[|][*?]){0,7}",
            text in "[ab/\u{fc}]{0,8}",
        ) {
            let characters: Vec<char> = pattern.chars().collect();
            let found = Glob::new(tokens(&pattern)).matches(&text);
            prop_assert_eq!(found, slow(&characters, &text.chars().collect::<Vec<_>>()));
        }
    }
}
