//! Values taking the place of variables, so that a home stays a folder: directly before a wildcard
//! it goes on with `/` or not at all, and an empty folder takes the slash behind it along.

use crate::glob::Token;
use crate::variables::Variable;

/// The tokens of a pattern so far.
#[derive(Default)]
pub(crate) struct Filling {
    pub(crate) tokens: Vec<Token>,
    /// The last thing that stands is the value of a home.
    home: bool,
    /// An empty folder stood where a name would begin.
    skip_slash: bool,
}

impl Filling {
    pub(crate) fn text(&mut self, text: &str) {
        let text = match std::mem::take(&mut self.skip_slash) {
            true => text.strip_prefix('/').unwrap_or(text),
            false => text,
        };
        if !text.is_empty() {
            self.home = false;
            self.tokens.push(Token::Text(text.to_owned()));
        }
    }

    pub(crate) fn value(&mut self, variable: Variable, value: &str) {
        if value.is_empty() {
            self.skip_slash = match self.tokens.last() {
                None => true,
                Some(Token::Text(before)) => before.ends_with('/'),
                Some(_) => false,
            };
            return;
        }
        self.skip_slash = false;
        self.tokens.push(Token::Text(value.to_owned()));
        self.home = variable.is_home();
    }

    pub(crate) fn wildcard(&mut self, token: Token) {
        if std::mem::take(&mut self.home) {
            self.tokens.push(Token::Edge);
        }
        self.skip_slash = false;
        self.tokens.push(token);
    }
}

#[cfg(test)]
mod tests {
    use crate::glob::Glob;
    use crate::template::{Reading, Template};
    use crate::variables::{Home, Variables};

    fn matches(template: &str, home: &str, text: &str) -> bool {
        let reading = Reading {
            variables: true,
            wildcards: true,
        };
        let template = Template::parse(template, reading).unwrap();
        let variables = Variables::new("acme").at_home(Home::parse(home).unwrap());
        Glob::new(template.fill(&variables).unwrap()).matches(text)
    }

    #[test]
    fn a_home_is_a_folder() {
        for (template, home, text, wanted) in [
            (
                "${transfer:HomeDirectory}*",
                "/b/home/acme",
                "b/home/acme/x",
                true,
            ),
            (
                "${transfer:HomeDirectory}*",
                "/b/home/acme",
                "b/home/acme2/x",
                false,
            ),
            (
                "${transfer:HomeDirectory}?*",
                "/b/home/acme",
                "b/home/acme2",
                false,
            ),
            ("${transfer:HomeFolder}*", "/b/home/acme", "home/acme", true),
            (
                "${transfer:HomeFolder}*",
                "/b/home/acme",
                "home/acme2",
                false,
            ),
            ("${transfer:HomeBucket}*", "/b", "b2/x", false),
            ("${transfer:HomeBucket}*", "/b", "b", true),
            (
                "${transfer:HomeBucket}${transfer:HomeFolder}*",
                "/b",
                "b2/x",
                false,
            ),
            (
                "${transfer:HomeBucket}/${transfer:HomeFolder}/*",
                "/b",
                "b/x",
                true,
            ),
            ("${transfer:HomeFolder}/*", "/b", "x/y", true),
            ("${transfer:HomeFolder}*", "/b", "x", true),
            ("${transfer:HomeFolder}", "/b", "", true),
            ("x${transfer:HomeFolder}/*", "/b", "xy", false),
            (
                "${transfer:HomeDirectory}2/*",
                "/b/home/acme",
                "b/home/acme2/x",
                true,
            ),
        ] {
            let found = matches(template, home, text);
            assert_eq!(found, wanted, "{template} at {home}: {text}");
        }
    }
}
