//! Texts of a document with their variables split out, before anything becomes a pattern: so a
//! variable's value is literal whatever it holds.

use crate::error::quote;
use crate::filling::Filling;
use crate::glob::Token;
use crate::variables::{Variable, Variables};

/// How a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// `${...}` names a variable: since version 2012-10-17.
    pub(crate) variables: bool,
    /// `*` and `?` are wildcards.
    pub(crate) wildcards: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    Any,
    One,
    /// A variable and its default.
    Variable(Variable, Option<String>),
}

/// A text of a document, in parts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Template(pub(crate) Vec<Part>);

impl Template {
    /// Splits a text. The error says what in it is not understood.
    pub(crate) fn parse(text: &str, reading: Reading) -> Result<Self, String> {
        let mut template = Self::default();
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            if reading.variables
                && let Some(inner) = rest.strip_prefix("${")
            {
                let (part, after) = braced(inner)?;
                template.push(part);
                rest = after;
                continue;
            }
            template.push(match character {
                '*' if reading.wildcards => Part::Any,
                '?' if reading.wildcards => Part::One,
                other => Part::Text(other.to_string()),
            });
            rest = rest.get(character.len_utf8()..).unwrap_or_default();
        }
        Ok(template)
    }

    fn push(&mut self, part: Part) {
        match (self.0.last_mut(), part) {
            (Some(Part::Text(before)), Part::Text(more)) => before.push_str(&more),
            (Some(Part::Any), Part::Any) => {}
            (_, part) => self.0.push(part),
        }
    }

    /// The tokens of the pattern, with values in the place of variables.
    ///
    /// A home is a folder: directly before a wildcard its value goes on with `/` or not at all,
    /// and an empty folder takes the slash behind it along, since no key begins with one.
    ///
    /// # Errors
    /// The first variable that has neither value nor default.
    pub(crate) fn fill(&self, variables: &Variables) -> Result<Vec<Token>, Variable> {
        let mut filling = Filling::default();
        for part in &self.0 {
            match part {
                Part::Text(text) => filling.text(text),
                Part::Any => filling.wildcard(Token::Any),
                Part::One => filling.wildcard(Token::One),
                Part::Variable(variable, default) => {
                    let value = variables.value(*variable);
                    match (value, default) {
                        (Some(value), _) => filling.value(*variable, &value),
                        (None, Some(default)) => filling.text(default),
                        (None, None) => return Err(*variable),
                    }
                }
            }
        }
        Ok(filling.tokens)
    }

    /// The same as one text; wildcards were not read.
    pub(crate) fn fill_text(&self, variables: &Variables) -> Result<String, Variable> {
        let tokens = self.fill(variables)?;
        Ok(tokens
            .into_iter()
            .filter_map(|token| match token {
                Token::Text(text) => Some(text),
                _ => None,
            })
            .collect())
    }

    /// The text as it may have been written, for reports.
    pub(crate) fn source(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Any => "*".to_owned(),
            Part::One => "?".to_owned(),
            Part::Variable(variable, _) => variable.to_string(),
        };
        self.0.iter().map(part).collect()
    }
}

/// What stands behind `${`, and what follows the brace that closes it.
fn braced(inner: &str) -> Result<(Part, &str), String> {
    let unclosed =
        || "\"${\" without \"}\"; write ${$} for a dollar sign before a brace".to_owned();
    let end = match inner.split_once('\'') {
        // A default may hold a brace; its quote closes it.
        Some((before, quoted)) if !before.contains('}') => {
            let close = quoted.find("'").ok_or_else(unclosed)?;
            let after = before.len() + 1 + close + 1;
            let brace = inner.get(after..).and_then(|rest| rest.find('}'));
            after + brace.ok_or_else(unclosed)?
        }
        _ => inner.find('}').ok_or_else(unclosed)?,
    };
    let name = inner.get(..end).unwrap_or_default();
    let after = inner.get(end + 1..).unwrap_or_default();
    match name {
        "*" | "?" | "$" => return Ok((Part::Text(name.to_owned()), after)),
        _ => {}
    }
    let (name, default) = match name.split_once(',') {
        Some((name, default)) => (name, Some(default_text(default)?)),
        None => (name, None),
    };
    match Variable::parse(name) {
        Some(variable) => Ok((Part::Variable(variable, default), after)),
        None => Err(unknown(name)),
    }
}

fn default_text(written: &str) -> Result<String, String> {
    written
        .trim_start_matches(' ')
        .strip_prefix('\'')
        .and_then(|text| text.strip_suffix('\''))
        .filter(|text| !text.contains('\''))
        .map(str::to_owned)
        .ok_or_else(|| {
            format!(
                "the default {:?} is not understood; write ${{name, 'default'}}",
                quote(written)
            )
        })
}

fn unknown(name: &str) -> String {
    let known: Vec<&str> = Variable::ALL.into_iter().map(Variable::as_str).collect();
    let suggestion = crate::error::suggestion(name, known.iter().copied());
    format!(
        "unknown variable \"${{{}}}\"{suggestion}; known are {}, and *, ? and $ for themselves",
        quote(name),
        known.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glob::Glob;
    use crate::variables::Home;

    const WILD: Reading = Reading {
        variables: true,
        wildcards: true,
    };

    fn variables(home: &str) -> Variables {
        Variables::new("a?b").at_home(Home::parse(home).unwrap())
    }

    fn matches(template: &str, home: &str, text: &str) -> bool {
        let template = Template::parse(template, WILD).unwrap();
        Glob::new(template.fill(&variables(home)).unwrap()).matches(text)
    }

    #[test]
    fn values_are_literal() {
        for (template, text, wanted) in [
            ("x/${transfer:UserName}/*", "x/a?b/y", true),
            ("x/${TRANSFER:username}/*", "x/acb/y", false),
            ("${aws:username}${*}", "a?b*", true),
            ("${*}${?}${$}{x}", "*?${x}", true),
            ("${*}", "x", false),
            ("$x{y}", "$x{y}", true),
            ("${aws:SourceIp, 'no}where'}", "no}where", true),
            ("${aws:SourceIp, '*'}", "x", false),
            ("${transfer:UserName, 'nobody'}", "a?b", true),
        ] {
            assert_eq!(
                matches(template, "/b/a*", text),
                wanted,
                "{template} {text}"
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in [
            "${transfer:HomeDir}",
            "${aws:userid}",
            "${",
            "${x",
            "${}",
            "${ aws:username}",
            "${aws:username,x}",
            "${aws:username, 'a'b'}",
            "${aws:username, 'a}",
            "${**}",
        ] {
            assert!(Template::parse(text, WILD).is_err(), "{text}");
        }
        let told = Template::parse("${transfer:HomeDirectori}", WILD).unwrap_err();
        assert!(
            told.contains("did you mean transfer:HomeDirectory?"),
            "{told}"
        );
    }

    #[test]
    fn the_old_version_has_no_variables() {
        let reading = Reading {
            variables: false,
            wildcards: true,
        };
        let template = Template::parse("${aws:username}", reading).unwrap();
        assert_eq!(
            template.fill_text(&variables("/b")).unwrap(),
            "${aws:username}"
        );
    }

    #[test]
    fn a_variable_without_a_value_is_named() {
        let template = Template::parse("x/${aws:SourceIp}", WILD).unwrap();
        assert_eq!(template.fill(&variables("/b")), Err(Variable::SourceIp));
    }
}
