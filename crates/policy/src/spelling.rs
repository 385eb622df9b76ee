//! Patterns as IAM documents spell them: literal characters that would be signs are escaped, and
//! the end of a home, which IAM has no sign for, becomes alternatives.

use crate::glob::Token;

/// The most alternatives of one text.
const MOST: usize = 64;

/// A text has more alternatives than there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

/// Whether `*` and `?` are signs where the text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// They are.
    Pattern,
    /// They are themselves.
    Text,
}

/// Fails where these are too many alternatives.
pub(crate) fn check(alternatives: usize) -> Result<(), TooMany> {
    match alternatives > MOST {
        true => Err(TooMany),
        false => Ok(()),
    }
}

impl Spelling {
    /// The texts that match together what the tokens match. Several of them, or none, where a home
    /// ends before a wildcard.
    pub(crate) fn spell(self, tokens: &[Token]) -> Result<Vec<String>, TooMany> {
        let mut open = vec![(Vec::new(), tokens.to_vec())];
        let mut spelt: Vec<String> = Vec::new();
        while let Some((mut done, rest)) = open.pop() {
            let edge = rest.iter().position(|token| *token == Token::Edge);
            let Some(edge) = edge else {
                done.extend(rest);
                let done = joined(done);
                let text = done.iter().map(|token| self.token(token)).collect();
                if !spelt.contains(&text) {
                    spelt.push(text);
                }
                check(spelt.len())?;
                continue;
            };
            let (before, after) = rest.split_at(edge);
            done.extend(before.to_vec());
            for rest in at_edge(after.get(1..).unwrap_or_default()) {
                open.push((done.clone(), rest));
            }
            check(open.len() + spelt.len())?;
        }
        Ok(spelt)
    }

    fn token(self, token: &Token) -> String {
        match token {
            Token::Any => "*".to_owned(),
            Token::One => "?".to_owned(),
            Token::Edge => String::new(),
            Token::Text(text) if self == Self::Text => text.replace("${", "${$}{"),
            Token::Text(text) => literal(text),
        }
    }
}

/// The same with one text where several stand side by side: what is escaped may begin in one and
/// end in the next.
fn joined(tokens: Vec<Token>) -> Vec<Token> {
    let mut joined: Vec<Token> = Vec::with_capacity(tokens.len());
    for token in tokens {
        match (joined.last_mut(), token) {
            (Some(Token::Text(before)), Token::Text(text)) => before.push_str(&text),
            (_, token) => joined.push(token),
        }
    }
    joined
}

/// A text that stands for itself in a pattern.
fn literal(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '*' | '?' => written.extend(['$', '{', character, '}']),
            '$' if characters.peek() == Some(&'{') => written.push_str("${$}"),
            other => written.push(other),
        }
    }
    written
}

/// What the tokens match of texts that are empty or begin with a slash.
fn at_edge(tokens: &[Token]) -> Vec<Vec<Token>> {
    let slash = || Token::Text("/".to_owned());
    let Some((first, rest)) = tokens.split_first() else {
        return vec![Vec::new()];
    };
    let with = |start: &[Token]| [start, rest].concat();
    match first {
        Token::Any => {
            let mut all = vec![with(&[slash(), Token::Any])];
            all.extend(at_edge(rest));
            all
        }
        Token::One => vec![with(&[slash()])],
        Token::Text(text) if text.starts_with('/') => vec![tokens.to_vec()],
        Token::Text(text) if text.is_empty() => at_edge(rest),
        Token::Text(_) => Vec::new(),
        Token::Edge => at_edge(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Token {
        Token::Text(text.to_owned())
    }

    #[test]
    fn signs_in_values_are_escaped() {
        let tokens = [text("a*b?${c}$d"), Token::Any, Token::One];
        let pattern = Spelling::Pattern.spell(&tokens).unwrap();
        assert_eq!(pattern, ["a${*}b${?}${$}{c}$d*?"]);
        let tokens = [text("a*b?${c}")];
        assert_eq!(Spelling::Text.spell(&tokens).unwrap(), ["a*b?${$}{c}"]);
    }

    #[test]
    fn signs_that_begin_in_one_value_and_end_in_the_next_are_escaped() {
        let tokens = [text("a$"), text("{b}"), Token::Any, text("$"), Token::One];
        assert_eq!(Spelling::Pattern.spell(&tokens).unwrap(), ["a${$}{b}*$?"]);
        assert_eq!(Spelling::Text.spell(&tokens[..2]).unwrap(), ["a${$}{b}"]);
    }

    #[test]
    fn the_end_of_a_home_becomes_alternatives() {
        let spell = |tokens: &[Token]| {
            let mut spelt = Spelling::Pattern.spell(tokens).unwrap();
            spelt.sort();
            spelt
        };
        let home = [text("home/a"), Token::Edge, Token::Any];
        assert_eq!(spell(&home), ["home/a", "home/a/*"]);
        let inside = [&home[..], &[text("/x")]].concat();
        assert_eq!(spell(&inside), ["home/a/*/x", "home/a/x"]);
        let one = [text("home/a"), Token::Edge, Token::One, text("x")];
        assert_eq!(spell(&one), ["home/a/x"]);
        let never = [text("home/a"), Token::Edge, Token::Any, text("x")];
        assert_eq!(spell(&never), ["home/a/*x"]);
    }

    #[test]
    fn what_would_grow_without_bound_is_refused() {
        let piece = [text("/a"), Token::Edge, Token::Any, text("/b")];
        let many: Vec<Token> = piece.iter().cycle().take(4 * 20).cloned().collect();
        assert_eq!(Spelling::Pattern.spell(&many), Err(TooMany));
    }
}
