//! Patterns as signs, matched by trying everything.

/// A character of a pattern.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Sign {
    Itself(char),
    Many,
    One,
    /// Here a home ends.
    End,
}

pub(crate) fn matches(pattern: &[Sign], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((Sign::Many, rest)) => (0..=text.len()).any(|taken| matches(rest, &text[taken..])),
        Some((Sign::One, rest)) => !text.is_empty() && matches(rest, &text[1..]),
        Some((Sign::End, rest)) => (text.is_empty() || text[0] == '/') && matches(rest, text),
        Some((Sign::Itself(one), rest)) => text.first() == Some(one) && matches(rest, &text[1..]),
    }
}

pub(crate) fn signs(text: &str) -> Vec<Sign> {
    text.chars()
        .map(|sign| match sign {
            '*' => Sign::Many,
            '?' => Sign::One,
            other => Sign::Itself(other),
        })
        .collect()
}

pub(crate) fn text_of(signs: &[Sign]) -> Vec<char> {
    let itself = |sign: &Sign| match sign {
        Sign::Itself(one) => Some(*one),
        _ => None,
    };
    signs.iter().filter_map(itself).collect()
}
