//! A progress bar on a terminal; nothing elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How wide the bar is.
const WIDTH: usize = 30;

/// How far something is. It is wiped away when it is dropped.
pub(super) struct Progress {
    what: &'static str,
    done: AtomicUsize,
    all: usize,
    shown: bool,
}

impl Progress {
    pub(super) fn new(what: &'static str, all: usize) -> Self {
        Self {
            what,
            done: AtomicUsize::new(0),
            all,
            shown: all > 0 && std::io::stderr().is_terminal(),
        }
    }

    /// One more is done.
    pub(super) fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if self.shown && (done.is_multiple_of(16) || done == self.all) {
            eprint!("\r{}", line(self.what, done, self.all));
            let _ = std::io::stderr().flush();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            eprint!("\r\x1b[K");
        }
    }
}

fn line(what: &str, done: usize, all: usize) -> String {
    let full = done.min(all) * WIDTH / all.max(1);
    let (full, rest) = ("#".repeat(full), ".".repeat(WIDTH - full));
    format!("[{full}{rest}] {done}/{all} {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_up() {
        assert_eq!(
            line("hashed", 0, 4),
            format!("[{}] 0/4 hashed", ".".repeat(30))
        );
        assert_eq!(
            line("hashed", 4, 4),
            format!("[{}] 4/4 hashed", "#".repeat(30))
        );
        assert!(line("hashed", 2, 4).contains(&format!("{}{}", "#".repeat(15), ".".repeat(15))));
    }
}
