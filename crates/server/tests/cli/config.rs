//! `pierhead config check`, and typos.

use crate::node::run;

#[test]
fn a_configuration_error_names_file_key_and_line_and_nothing_starts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pierhead.toml");
    let data = folder.path().join("data");
    std::fs::write(
        &file,
        format!("data = {data:?}\n\n[sftp]\nlisen = [\"127.0.0.1:0\"]\n"),
    )
    .unwrap();
    let file = file.to_str().unwrap();
    for command in [["config", "check"], ["serve", ""]] {
        let arguments: Vec<&str> = command
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect();
        let (ok, out, err) = run(&[&arguments[..], &["--config", file]].concat());
        assert!(!ok && out.is_empty());
        assert_eq!(
            err,
            format!(
                "pierhead: {file}:4: sftp.lisen: unknown key \"lisen\"; did you mean \"listen\"?\n"
            )
        );
    }
    assert!(!data.exists());
}

#[test]
fn a_good_configuration_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pierhead.toml");
    std::fs::write(&file, "[log]\nformat = \"json\"\n").unwrap();
    let (ok, out, err) = run(&["config", "check", "--config", file.to_str().unwrap()]);
    assert!(ok, "{err}");
    assert!(out.ends_with(": accepted\n"));
}

#[test]
fn a_mistyped_command_is_answered_with_the_nearest_one() {
    let (ok, _, err) = run(&["usr", "list"]);
    assert!(!ok);
    assert!(err.contains("'user'"), "{err}");
}

#[test]
fn completions_and_the_manual_page_name_every_command() {
    let (ok, script, _) = run(&["completions", "bash"]);
    assert!(ok && script.contains("host-key"));
    let (ok, page, _) = run(&["man"]);
    assert!(ok && page.contains(".TH") && page.contains("pierhead\\-reload"));
}
