//! One function's process: events go in as lines, answers come out as lines.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;

use bytes::Bytes;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::Function;

/// What became of an invocation.
#[derive(Debug)]
pub(super) enum Outcome {
    /// What the handler returned, as JSON.
    Returned(Bytes),
    /// What Lambda says of a handler that failed, as JSON.
    Failed(Bytes),
}

/// A function, and its process while there is one.
#[derive(Debug)]
pub(super) struct Runtime {
    python: PathBuf,
    function: Function,
    process: Option<Process>,
}

#[derive(Debug)]
struct Process {
    /// Killed when it is dropped.
    _child: Child,
    events: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

/// Reads events, calls the handler, writes what came of it.
const LOOP: &str = include_str!("runtime.py");

impl Runtime {
    pub(super) fn start(python: PathBuf, function: Function) -> io::Result<Self> {
        let process = Some(Process::start(&python, &function)?);
        Ok(Self {
            python,
            function,
            process,
        })
    }

    /// One invocation. A process that takes too long is ended, as Lambda does; the next invocation
    /// has another.
    pub(super) async fn invoke(&mut self, event: &Bytes) -> Outcome {
        let process = match self.process.take() {
            Some(process) => Ok(process),
            None => Process::start(&self.python, &self.function),
        };
        let mut process = match process {
            Ok(process) => process,
            Err(error) => return failed("Runtime.StartError", &error.to_string()),
        };
        let limit = self.function.timeout;
        match tokio::time::timeout(limit, process.ask(event)).await {
            Err(_) => {
                let seconds = limit.as_secs_f64();
                let message =
                    format!("RequestId: 0 Error: Task timed out after {seconds:.2} seconds");
                failed("Sandbox.Timedout", &message)
            }
            Ok(Ok(Some(line))) => {
                self.process = Some(process);
                outcome(&line)
            }
            Ok(_) => failed("Runtime.ExitError", "RequestId: 0 Error: Runtime exited"),
        }
    }
}

impl Process {
    fn start(python: &PathBuf, function: &Function) -> io::Result<Self> {
        let mut child = Command::new(python)
            .args(["-c", LOOP])
            .arg(&function.file)
            .envs(
                function
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let missing = || io::Error::other("the process has no pipes");
        let events = child.stdin.take().ok_or_else(missing)?;
        let answers = child.stdout.take().ok_or_else(missing)?;
        Ok(Self {
            _child: child,
            events,
            answers: BufReader::new(answers).lines(),
        })
    }

    async fn ask(&mut self, event: &Bytes) -> io::Result<Option<String>> {
        // JSON needs no line breaks; whoever sends some means nothing by them.
        let mut line: Vec<u8> = event
            .iter()
            .map(|byte| match byte {
                b'\n' | b'\r' => b' ',
                byte => *byte,
            })
            .collect();
        line.push(b'\n');
        self.events.write_all(&line).await?;
        self.events.flush().await?;
        self.answers.next_line().await
    }
}

/// `returned {..}` or `failed {..}`.
fn outcome(line: &str) -> Outcome {
    match line.split_once(' ') {
        Some(("returned", payload)) => Outcome::Returned(Bytes::from(payload.to_owned())),
        Some(("failed", payload)) => Outcome::Failed(Bytes::from(payload.to_owned())),
        _ => failed("Runtime.ProtocolError", "the process wrote something else"),
    }
}

fn failed(kind: &str, message: &str) -> Outcome {
    let payload = format!(r#"{{"errorType":"{kind}","errorMessage":"{message}"}}"#);
    Outcome::Failed(Bytes::from(payload))
}
