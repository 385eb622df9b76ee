//! `docs/SEMANTICS.md`, `docs/SECURITY.md`, `docs/POLICIES.md` and `docs/MIGRATION.md` name the tests
//! that hold what they say; they must exist.

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// The names in backquotes of the form `crate/path.rs::test`.
    fn named(document: &str) -> Vec<(&str, &str)> {
        let quoted = document.split('`').skip(1).step_by(2);
        quoted
            .filter_map(|text| text.split_once("::"))
            .filter(|(file, _)| file.ends_with(".rs"))
            .collect()
    }

    #[test]
    fn every_test_that_holds_a_promise_exists() {
        check("docs/SEMANTICS.md");
    }

    #[test]
    fn every_test_against_an_attack_exists() {
        check("docs/SECURITY.md");
    }

    #[test]
    fn every_test_of_policies_exists() {
        check("docs/POLICIES.md");
    }

    #[test]
    fn every_test_of_moving_in_exists() {
        check("docs/MIGRATION.md");
    }

    fn check(document: &str) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("the workspace");
        let document = std::fs::read_to_string(root.join(document)).expect("readable");
        let named = named(&document);
        assert!(named.len() > 10, "the document names its tests");
        for (file, test) in named {
            let path = root.join("crates").join(file);
            let text = std::fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(has_test(&text, test), "{file} has no test {test}");
        }
    }

    /// Whether a file has a test function of exactly this name: one with an attribute above it that
    /// makes it a test, or one that a macro is told of.
    fn has_test(text: &str, name: &str) -> bool {
        let definition = format!("fn {name}");
        let begins = |rest: &str| rest.starts_with(['(', '<']);
        let mut found = text.match_indices(&definition);
        let Some((at, _)) = found.find(|(at, _)| begins(&text[at + definition.len()..])) else {
            return false;
        };
        let above = text[..at].rsplit("\n\n").next().unwrap_or_default();
        let is_attributed = above
            .lines()
            .any(|line| line.trim_start().starts_with("#[") && line.contains("test"));
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let words = text.split(|c| !is_word(c));
        is_attributed || words.filter(|word| *word == name).count() > 1
    }

    #[test]
    fn a_test_is_found_by_its_whole_name() {
        let text = "#[test]\nfn one_and_more() {}\n\nfn two() {}\n\n\
                    on_both!(three);\n\nasync fn three(fixture: Fixture) {}\n\n\
                    /// Says why.\n#[tokio::test]\nasync fn four<T>() {}\n";
        for name in ["one_and_more", "three", "four"] {
            assert!(has_test(text, name), "{name}");
        }
        for name in ["one", "one_and", "and_more", "two", "five", "fou"] {
            assert!(!has_test(text, name), "{name}");
        }
    }
}
