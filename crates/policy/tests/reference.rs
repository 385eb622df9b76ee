//! `docs/POLICIES.md` says what the code does: its table of operations is written from the code's,
//! and no word that a document may hold is missing.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use policy::{ConditionKey, Operation, Variable, limits};

const BEGIN: &str =
    "<!-- operations: written by `cargo nextest run -p policy --run-ignored only write` -->\n";
const END: &str = "<!-- /operations -->";

fn page() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/POLICIES.md")
}

fn table() -> String {
    let mut text = String::from("| operation | | mount permission | needs |\n|---|---|---|---|\n");
    for operation in Operation::ALL {
        let all: Vec<String> = operation
            .needs()
            .iter()
            .map(|alternatives| {
                let one: Vec<String> = alternatives.iter().map(ToString::to_string).collect();
                one.join(", or ")
            })
            .collect();
        let (title, needs) = (operation.title(), all.join("; "));
        let permission = operation.permission();
        writeln!(text, "| {operation} | {title} | {permission} | {needs} |").unwrap();
    }
    text
}

/// The page before the table, the table, the page behind it.
fn parts(page: &str) -> (&str, &str, &str) {
    let (before, rest) = page
        .split_once(BEGIN)
        .expect("the page has the table's beginning");
    let (table, after) = rest.split_once(END).expect("the page has the table's end");
    (before, table, after)
}

#[test]
fn the_table_of_operations_is_the_one_in_the_code() {
    let text = fs::read_to_string(page()).unwrap();
    assert_eq!(parts(&text).1, table());
}

#[test]
fn every_word_of_documents_is_on_the_page() {
    let text = fs::read_to_string(page()).unwrap();
    for variable in Variable::ALL {
        assert!(text.contains(&variable.to_string()), "{variable}");
    }
    for key in ConditionKey::ALL {
        assert!(text.contains(&format!("`{key}`")), "{key}");
    }
    for bound in [
        format!(
            "{},{} bytes\na document",
            limits::DOCUMENT_BYTES / 1000,
            limits::DOCUMENT_BYTES % 1000
        ),
        format!("{} statements", limits::STATEMENTS),
        format!("{} values a list", limits::VALUES),
        format!("{} documents a role", limits::DOCUMENTS),
    ] {
        assert!(text.contains(&bound), "{bound}");
    }
}

#[test]
fn the_example_on_the_page_is_sound() {
    let text = fs::read_to_string(page()).unwrap();
    let begin = text.find("    {\n").unwrap();
    let end = begin + text[begin..].find("\n    }\n").unwrap() + "\n    }\n".len();
    let document = policy::Document::parse("example", &text[begin..end]).unwrap();
    assert_eq!(policy::lint(&document), []);
}

#[test]
#[ignore = "writes the table into the page"]
fn write_the_table_of_operations() {
    let text = fs::read_to_string(page()).unwrap();
    let (before, _, after) = parts(&text);
    fs::write(page(), format!("{before}{BEGIN}{}{END}{after}", table())).unwrap();
}
