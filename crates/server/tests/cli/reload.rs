//! `pierhead reload`: what is applied, what is not, and what is refused.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::node::{pierhead, run};

#[test]
fn reload_applies_what_it_can_and_says_what_it_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pierhead.toml");
    let data = folder.path().join("data");
    let write = |more: &str| {
        let text = format!(
            "data = {data:?}\n[admin]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n{more}"
        );
        std::fs::write(&file, text).unwrap();
    };
    let listen = "[sftp]\nlisten = [\"127.0.0.1:0\"]\n";
    write(listen);
    let file_text = file.to_str().unwrap();
    let mut child = pierhead(&["serve", "--config", file_text])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let serving = log.find(|line| line.as_ref().unwrap().contains("pierhead serves"));
    assert!(serving.is_some(), "it serves");

    write(&format!(
        "{listen}max_sessions = 3\n[transfer]\nparallel_parts = 2\n"
    ));
    let (ok, out, err) = run(&["reload", "--config", file_text]);
    assert!(ok, "{err}");
    assert_eq!(
        out,
        "applied        sftp.max_sessions\nneeds restart  transfer.parallel_parts\n"
    );

    write(&format!("{listen}max_sesions = 3\n"));
    let (ok, _, err) = run(&["reload", "--config", file_text]);
    assert!(!ok && err.contains("did you mean"), "{err}");

    // A configuration that the node would refuse, and the command itself would not see.
    write(&format!("{listen}max_sessions = 4\n"));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    let reloaded = log.find(|line| line.as_ref().unwrap().contains("\"reloaded\""));
    assert!(
        reloaded
            .expect("a line")
            .unwrap()
            .contains("sftp.max_sessions")
    );

    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}
