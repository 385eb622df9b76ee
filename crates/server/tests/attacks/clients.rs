//! The attacker's programs: OpenSSH's `sftp` and `scp`, and the old protocol of `scp` spoken by
//! hand.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use russh::ChannelMsg;
use testkit::client::DEADLINE;

use crate::world::{OWN, SECRET, World};

/// What a program of his said and how it ended.
pub(crate) struct Said {
    pub(crate) done: bool,
    pub(crate) text: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = [&output.stdout[..], &output.stderr[..]].concat();
        Self {
            done: output.status.success(),
            text: String::from_utf8_lossy(&text).into_owned(),
        }
    }
}

/// Whoever attacks, by this name.
#[derive(Clone, Copy)]
pub(crate) struct Attacker<'w> {
    pub(crate) world: &'w World,
    pub(crate) user: &'w str,
}

impl Attacker<'_> {
    /// OpenSSH's `sftp` with these commands.
    pub(crate) async fn sftp(&self, commands: &str) -> Said {
        let login = format!("{}@127.0.0.1", self.user);
        self.openssh("sftp", &["-b", "-", &login], commands).await
    }

    /// OpenSSH's `scp`; `{}` in the arguments stands for his login.
    pub(crate) async fn scp(&self, arguments: &[&str]) -> Said {
        let login = format!("{}@127.0.0.1", self.user);
        let arguments = arguments.iter().map(|word| word.replace("{}", &login));
        let arguments: Vec<String> = arguments.collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.openssh("scp", &arguments, "").await
    }

    async fn openssh(&self, program: &str, arguments: &[&str], input: &str) -> Said {
        let mut command = Command::new(program);
        command
            .current_dir(self.world.desk())
            .args(["-P", &self.world.node.address().port().to_string(), "-i"])
            .arg(self.world.key_file())
            .args(["-F", "/dev/null", "-o", "BatchMode=yes"])
            .args(["-o", "StrictHostKeyChecking=no"])
            .args(["-o", "UserKnownHostsFile=/dev/null"])
            .args(["-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let input = input.to_owned();
        let run = tokio::task::spawn_blocking(move || {
            let mut child = command.spawn().expect("OpenSSH's clients are installed");
            let mut stdin = child.stdin.take().expect("piped");
            // One that is refused reads nothing.
            let _ = stdin.write_all(input.as_bytes());
            drop(stdin);
            child.wait_with_output().expect("it ends")
        });
        let said = Said::from(run.await.expect("no panic"));
        assert!(!said.text.contains(SECRET), "{}: {}", self.user, said.text);
        said
    }

    /// A command line as no client of good faith sends it, with this on its standard input; what
    /// came back, standard error included.
    pub(crate) async fn execute(&self, command: &[u8], input: &[u8]) -> String {
        let client = self.world.client(self.user).await;
        let run = async {
            let mut channel = client.ssh().channel_open_session().await?;
            channel.exec(true, command).await?;
            channel.data(input).await?;
            channel.eof().await?;
            let mut heard = Vec::new();
            while let Some(message) = channel.wait().await {
                match message {
                    ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. } => {
                        heard.extend_from_slice(&data);
                    }
                    _ => {}
                }
            }
            Ok::<_, russh::Error>(heard)
        };
        let heard = tokio::time::timeout(DEADLINE, run).await.expect("no hang");
        let heard = heard.expect("the channel ends by itself");
        let text = String::from_utf8_lossy(&heard).into_owned();
        assert!(!text.contains(SECRET), "{command:?}: {text}");
        text
    }

    /// Every command of `sftp` by each of these names, then both ways of `scp` by the first, which
    /// is the likeliest.
    pub(crate) async fn by_openssh(&self, names: &[&str]) {
        let commands = (0..).zip(names);
        let commands = commands.map(|(number, name)| every_command(number, name));
        self.sftp(&commands.collect::<String>()).await;
        if let Some(likeliest) = names.first() {
            let remote = format!("{{}}:{likeliest}");
            self.scp(&["-O", "-r", &remote, "got-by-scp"]).await;
            self.scp(&["-s", "own", &remote]).await;
        }
        nothing_was_got(&self.world.desk());
    }

    /// He was in all the time.
    pub(crate) async fn is_in(&self, key: &str) {
        let said = self.sftp("put own inside\n").await;
        assert!(said.done, "{}", said.text);
        let object = self.world.object(key);
        assert_eq!(object.as_deref(), Some(OWN));
    }
}

fn every_command(number: usize, name: &str) -> String {
    let name = name.replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "-get \"{name}\" \"got{number}\"\n\
         -ls -la \"{name}\"\n\
         -put own bait\n\
         -chmod 600 \"{name}\"\n\
         -rename bait \"{name}\"\n\
         -put own \"{name}\"\n\
         -put -a own \"{name}\"\n\
         -cp \"{name}\" copied{number}\n\
         -get copied{number} \"gotcopy{number}\"\n\
         -cp bait \"{name}\"\n\
         -rename \"{name}\" moved{number}\n\
         -get moved{number} \"gotmoved{number}\"\n\
         -mkdir \"{name}\"\n\
         -rmdir \"{name}\"\n\
         -rm \"{name}\"\n\
         -df \"{name}\"\n\
         -ln -s \"{name}\" link{number}\n\
         -ln \"{name}\" hard{number}\n\
         -get link{number} \"gotlink{number}\"\n\
         -get hard{number} \"gothard{number}\"\n"
    )
}

/// Fails where something that was downloaded is a neighbour's.
pub(crate) fn nothing_was_got(desk: &Path) {
    let mut folders = vec![desk.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("read") {
            let path = entry.expect("read").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(SECRET), "{} holds it", path.display());
        }
    }
}
