//! The CPU time of a process and all that it started, from `/proc`.

use anyhow::{Context, Result};

/// Clock ticks per second in `/proc`: a constant of Linux's interface to programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// One line of `/proc/PID/stat`, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    pid: u32,
    parent: u32,
    /// Own user and system time, and that of children that have ended and were waited for, in ticks.
    ticks: u64,
}

/// A process tree at one moment.
pub(crate) struct Tree {
    /// CPU seconds, of the living and of those that were waited for.
    pub(crate) seconds: f64,
    /// Living processes below the root.
    pub(crate) children: usize,
}

/// Reads the tree below `root`.
pub(crate) fn tree(root: u32) -> Result<Tree> {
    let all = processes()?;
    let mut members = vec![root];
    let mut next = 0;
    while let Some(parent) = members.get(next).copied() {
        members.extend(
            all.iter()
                .filter(|stat| stat.parent == parent)
                .map(|stat| stat.pid),
        );
        next += 1;
    }
    let ticks: u64 = all
        .iter()
        .filter(|stat| members.contains(&stat.pid))
        .map(|stat| stat.ticks)
        .sum();
    Ok(Tree {
        seconds: ticks as f64 / TICKS_PER_SECOND,
        children: members.len() - 1,
    })
}

fn processes() -> Result<Vec<Stat>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").context("list /proc")? {
        let entry = entry.context("list /proc")?;
        // A process may end between the listing and the reading.
        let text = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        found.extend(parse(&text));
    }
    Ok(found)
}

/// proc(5): `pid (name) state ppid ...`; the name may hold blanks and brackets.
fn parse(text: &str) -> Option<Stat> {
    let (pid, rest) = text.split_once(" (")?;
    let (_, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |index: usize| {
        fields
            .get(index)
            .and_then(|field| field.parse::<u64>().ok())
    };
    Some(Stat {
        pid: pid.parse().ok()?,
        parent: fields.get(1)?.parse().ok()?,
        // utime, stime, cutime, cstime: fields 14 to 17, counted from the pid as 1.
        ticks: number(11)? + number(12)? + number(13)? + number(14)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_is_skipped() {
        let line = "42 (a) b (c) S 7 42 42 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 99";
        assert_eq!(
            parse(line),
            Some(Stat {
                pid: 42,
                parent: 7,
                ticks: 127
            })
        );
    }

    #[test]
    fn this_very_process_is_found() {
        let tree = tree(std::process::id()).unwrap();
        assert!(tree.seconds >= 0.0);
    }

    #[test]
    fn a_child_that_was_waited_for_counts() {
        let before = tree(std::process::id()).unwrap().seconds;
        let script = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        assert!(crate::process::succeeds(
            std::process::Command::new("sh").args(["-c", script])
        ));
        assert!(tree(std::process::id()).unwrap().seconds > before);
    }
}
