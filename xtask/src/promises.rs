//! `docs/SEMANTICS.md` names the tests that hold its promises; they must exist.

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
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("the workspace");
        let document = std::fs::read_to_string(root.join("docs/SEMANTICS.md")).expect("readable");
        let named = named(&document);
        assert!(named.len() > 20, "the document names its tests");
        for (file, test) in named {
            let path = root.join("crates").join(file);
            let text = std::fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(text.contains(test), "{file} has no test {test}");
        }
    }
}
