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
fn what_a_user_has_to_show_is_set_and_shown_and_his_secret_is_shown_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    drop(Node::up(&data, &[]));
    let data = data.to_str().unwrap();
    let call = |words: &[&str]| {
        let words: Vec<&str> = words.iter().copied().chain(["--data", data]).collect();
        run(&words)
    };
    let shown = || {
        let (ok, out, err) = call(&["user", "show", "demo", "--json"]);
        assert!(ok, "{err}");
        serde_json::from_str::<serde_json::Value>(&out).unwrap()
    };
    assert_eq!(shown()["methods"], serde_json::Value::Null);
    let (ok, out, err) = call(&[
        "user",
        "set",
        "demo",
        "--methods",
        "PUBLIC_KEY_AND_PASSWORD",
        "--expires",
        "2099-01-31",
        "--allow-from",
        "192.0.2.0/24",
        "--deny-from",
        "192.0.2.7",
    ]);
    assert!(ok && out == "changed user demo\n", "{err}");
    let user = shown();
    assert_eq!(user["methods"], "PUBLIC_KEY_AND_PASSWORD");
    assert_eq!(user["expires"], "2099-01-31T00:00:00Z");
    assert_eq!(user["networks"]["allow"][0], "192.0.2.0/24");
    assert_eq!(user["networks"]["deny"][0], "192.0.2.7");
    let (ok, _, err) = call(&[
        "user",
        "set",
        "demo",
        "--default-methods",
        "--never-expires",
        "--from-anywhere",
    ]);
    assert!(ok, "{err}");
    let user = shown();
    assert_eq!(
        (&user["methods"], &user["expires"]),
        (&serde_json::Value::Null, &serde_json::Value::Null)
    );
    assert_eq!(user["networks"]["allow"], serde_json::json!([]));
    for (wrong, why) in [
        (&["--methods", "NONE"][..], "PUBLIC_KEY_OR_PASSWORD"),
        (&["--expires", "soon"], "2027-01-31"),
        (
            &["--allow-from", "192.0.2.5/24"],
            "192.0.2.0/24 or 192.0.2.5",
        ),
        (&["--role", "nobody"], "there is no role \"nobody\""),
        (&[], "nothing to change"),
    ] {
        let words: Vec<&str> = ["user", "set", "demo"]
            .into_iter()
            .chain(wrong.iter().copied())
            .collect();
        let (ok, _, err) = call(&words);
        assert!(!ok && err.contains(why), "{wrong:?}: {err}");
    }

    let (ok, out, err) = call(&["user", "totp", "enrol", "demo"]);
    assert!(ok, "{err}");
    let uri = out
        .lines()
        .find(|line| line.starts_with("otpauth://totp/Pierhead:demo?"));
    let secret = uri
        .and_then(|uri| uri.split(['=', '&']).nth(1))
        .expect("a secret");
    assert!(secret.len() >= 32, "{out}");
    for words in [
        &["user", "show", "demo"][..],
        &["user", "show", "demo", "--json"],
    ] {
        let (_, out, _) = call(words);
        assert!(out.contains("totp") && !out.contains(secret), "{out}");
    }
    assert!(call(&["user", "totp", "remove", "demo"]).0);
    let (ok, _, err) = call(&["user", "totp", "remove", "demo"]);
    assert!(!ok && err.contains("has no one-time passwords"), "{err}");
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
