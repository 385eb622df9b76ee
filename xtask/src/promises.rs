//! `docs/SEMANTICS.md` and `docs/SECURITY.md` name the tests that hold what they say; they must
//! exist.

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

    fn check(document: &str) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("the workspace");
        let document = std::fs::read_to_string(root.join(document)).expect("readable");
        let named = named(&document);
        assert!(named.len() > 20, "the document names its tests");
        for (file, test) in named {
            let path = root.join("crates").join(file);
            let text = std::fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let function = format!("fn {test}");
            assert!(text.contains(&function), "{file} has no test {test}");
        }
    }
}
