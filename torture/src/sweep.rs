//! `pierhead sweep` after each death, and what it says that it has to leave.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use testkit::node::Node;

/// How long the node's own sweep may keep others from it.
const DEADLINE: Duration = Duration::from_secs(30);

/// An entry of the report that is marked `left`.
#[derive(Debug)]
pub(crate) struct Left {
    /// What is still to be done.
    pub(crate) what: String,
    /// The upload or rename that it is about.
    pub(crate) id: String,
    /// As the report has it, for a failure's message.
    pub(crate) text: String,
}

/// Has everything settled that the dead node left; the living one may be at it just now.
pub(crate) fn sweep(node: &Node) -> Result<Vec<Left>> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let output = node.output(&["sweep", "--json"]).context("sweep")?;
        if let Ok(report) = serde_json::from_slice(&output.stdout) {
            return left(&report);
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if !said.contains("sweeps right now") || Instant::now() > deadline {
            bail!("sweep ({}): {said}", output.status);
        }
    }
}

fn left(report: &Value) -> Result<Vec<Left>> {
    let entries = report["entries"].as_array().context("no entries")?;
    let is_left = |entry: &&Value| entry["outcome"] == "left";
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let entry = |entry: &Value| Left {
        what: text(&entry["what"]),
        id: text(&entry["upload"]),
        text: entry.to_string(),
    };
    Ok(entries.iter().filter(is_left).map(entry).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_found_in_a_report() {
        let report = serde_json::json!({ "entries": [
            { "what": "keep", "outcome": "done", "upload": "1" },
            { "what": "give-up", "outcome": "left", "upload": "2", "reason": "later" },
        ]});
        let left = left(&report).unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(
            (left[0].what.as_str(), left[0].id.as_str()),
            ("give-up", "2")
        );
    }
}
