//! `pierhead group`, `pierhead user set` and `pierhead usage`: what users may do and have.

use crate::node::run;

struct Commands {
    data: String,
    _folder: tempfile::TempDir,
}

impl Commands {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        std::fs::create_dir(&data).expect("made");
        Self {
            data: data.to_str().expect("text").to_owned(),
            _folder: folder,
        }
    }

    /// What a command that succeeds prints.
    fn says(&self, words: &str) -> String {
        let (ok, out, err) = self.run(words);
        assert!(ok, "{words}: {err}");
        out
    }

    fn fails(&self, words: &str) -> String {
        let (ok, out, err) = self.run(words);
        assert!(!ok, "{words}: {out}");
        err
    }

    fn run(&self, words: &str) -> (bool, String, String) {
        let words: Vec<&str> = words.split(' ').chain(["--data", &self.data]).collect();
        run(&words)
    }

    fn json(&self, words: &str) -> serde_json::Value {
        serde_json::from_str(&self.says(words)).expect("JSON")
    }
}

#[test]
fn groups_and_limits_are_looked_after_from_the_command_line() {
    let commands = Commands::new();
    let added = "group add partners --permissions read,list,write --max-bytes 10GiB --deny-names *.exe,*.com";
    assert_eq!(commands.says(added), "added group partners\n");
    let twice = commands.fails("group add partners");
    assert!(twice.contains("partners"), "{twice}");
    commands.fails("group add other --permissions fly");
    commands.fails("group add other --deny-names a/b");
    commands
        .says("user add ann --home /inbox/ann --generate-password --group partners --max-files 7");
    commands.fails("user add ben --home /inbox/ben --generate-password --group nobody");

    let shown = commands.json("group show partners --json");
    assert_eq!(shown["permissions"], "read,list,write");
    assert_eq!(shown["limits"]["bytes"], 10_u64 << 30);
    assert_eq!(shown["limits"]["denied_names"][1], "*.com");
    assert_eq!(shown["members"], serde_json::json!(["ann"]));
    assert!(commands.says("group list").contains("partners"));
    let refused = commands.fails("group remove partners");
    assert!(refused.contains("has members"), "{refused}");

    commands.says("group set partners --max-bytes none --permissions all --max-sessions 3");
    let shown = commands.json("group show partners --json");
    assert_eq!(shown["permissions"], "all");
    assert_eq!(shown["limits"]["bytes"], serde_json::Value::Null);
    assert_eq!(shown["limits"]["sessions"], 3);
    assert_eq!(shown["limits"]["denied_names"][0], "*.exe", "it stays");

    let set = "user set ann --group none --permissions read,list --upload-rate 1MiB \
               --map /in=/inbox/ann:all --map /p.csv=file:/inbox/p.csv";
    commands.says(set);
    let shown = commands.json("user show ann --json");
    assert_eq!(shown["group"], serde_json::Value::Null);
    assert_eq!(shown["permissions"], "read,list");
    assert_eq!(shown["limits"]["upload_rate"], 1 << 20);
    assert_eq!(shown["limits"]["files"], 7);
    assert_eq!(shown["mappings"][0]["permissions"], "all");
    assert_eq!(shown["mappings"][1]["type"], "FILE");
    commands.fails("user set ann --map /in=inbox");
    commands.fails("user set ann --max-files many");
    commands.says("group remove partners");
}

#[test]
fn usage_is_counted_where_it_lies() {
    let commands = Commands::new();
    commands.says("user add ann --home /inbox/ann --generate-password --max-files 7");
    let shown = commands.json("usage show --user ann --json");
    assert_eq!(shown["counted"], serde_json::Value::Null);
    let home = std::path::Path::new(&commands.data).join("objects/inbox/ann/deep");
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(home.join("f"), "12345").unwrap();
    let counted = commands.says("usage recount --user ann");
    assert_eq!(counted, "counted 1 files of ann with 5 bytes\n");
    let shown = commands.json("usage show --user ann --json");
    assert_eq!(
        (shown["files"].as_u64(), shown["bytes"].as_u64()),
        (Some(1), Some(5))
    );
    assert_ne!(shown["counted"], serde_json::Value::Null);
}
