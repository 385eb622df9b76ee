//! `pierhead user`: from the first user to the last.

use crate::node::{Node, run, run_with_input};

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDtqJ7zOtqQtqYOo0CpvDXNlMhV3HeJDpjrASKGLWdop laptop";

#[test]
fn users_are_looked_after_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    drop(Node::up(&data, &[]));
    let data = data.to_str().unwrap();
    let with = |words: &[&'static str]| -> Vec<String> {
        words
            .iter()
            .map(|w| (*w).to_owned())
            .chain(["--data".to_owned(), data.to_owned()])
            .collect()
    };
    let call = |words: &[&'static str]| {
        let words = with(words);
        run(&words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let words = with(&[
        "user",
        "add",
        "acme",
        "--home",
        "/inbox/acme",
        "--password-stdin",
    ]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (ok, out, err) = run_with_input(&words, "correct horse\n");
    assert!(ok, "{err}");
    assert_eq!(out, "added user acme\n");

    let (ok, _, err) = run_with_input(&words, "correct horse\n");
    assert!(
        !ok && err.contains("acme"),
        "a second one is refused: {err}"
    );

    let (ok, out, _) = call(&["user", "list"]);
    assert!(ok);
    assert_eq!(out, "acme  /inbox/acme\ndemo  /inbox/demo\n");

    let keys = with(&["user", "key", "add", "acme", "-"]);
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let (ok, out, err) = run_with_input(&keys, KEY);
    assert!(ok, "{err}");
    let fingerprint = out
        .split_whitespace()
        .nth(2)
        .expect("a fingerprint")
        .to_owned();
    assert!(fingerprint.starts_with("SHA256:"), "{out}");

    let (_, out, _) = call(&["user", "show", "acme", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(shown["keys"][0]["fingerprint"], fingerprint.as_str());
    assert_eq!(shown["password"], true);
    assert!(!out.contains("argon2"), "no hash is shown");

    assert!(call(&["user", "disable", "acme"]).0);
    assert!(call(&["user", "list"]).1.contains("(disabled)"));
    assert!(call(&["user", "disable", "acme", "--undo"]).0);
    assert!(
        call(&["user", "passwd", "acme", "--generate-password"])
            .1
            .contains("password: ")
    );

    let remove = with(&["user", "key", "remove", "acme"]);
    let mut remove: Vec<&str> = remove.iter().map(String::as_str).collect();
    remove.insert(4, &fingerprint);
    let (ok, _, err) = run(&remove);
    assert!(ok, "{err}");
    assert!(call(&["user", "remove", "acme"]).0);
    let (ok, _, err) = call(&["user", "show", "acme"]);
    assert!(!ok);
    assert!(err.contains("there is no user acme"), "{err}");
}

#[test]
fn a_user_who_could_not_log_in_or_has_no_home_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    drop(Node::up(&data, &[]));
    let data = data.to_str().unwrap();
    let (ok, _, err) = run(&[
        "user",
        "add",
        "acme",
        "--home",
        "/inbox/acme",
        "--data",
        data,
    ]);
    assert!(!ok && err.contains("--generate-password"), "{err}");
    for home in ["inbox/acme", "/", "/inbox/../x", "/inbox/.pierhead/../x"] {
        let (ok, _, err) = run(&[
            "user",
            "add",
            "acme",
            "--home",
            home,
            "--generate-password",
            "--data",
            data,
        ]);
        assert!(!ok, "{home}");
        assert!(err.contains(home), "{err}");
    }
    let (_, out, _) = run(&["user", "list", "--data", data]);
    assert!(!out.contains("acme"));
}

#[test]
fn without_a_data_folder_the_error_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let (ok, _, err) = run(&["user", "list", "--data", missing.to_str().unwrap()]);
    assert!(!ok && err.contains("pierhead up"), "{err}");
    assert!(!missing.exists());
}
