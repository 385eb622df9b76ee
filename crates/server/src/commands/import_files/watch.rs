//! What is shown while an import runs, and how it is stopped.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use moving::files::Progress;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How often the line on a terminal is written.
const EVERY: Duration = Duration::from_millis(500);

/// Runs `work`, with a line on the terminal where there is one. SIGINT and SIGTERM cancel `stop`
/// once; what is under way is left in order then.
pub(super) async fn during<T>(
    progress: &Progress,
    stop: CancellationToken,
    work: impl Future<Output = T>,
) -> T {
    let is_terminal = std::io::stderr().is_terminal();
    let begun = Instant::now();
    let mut ticks = tokio::time::interval(EVERY);
    let mut work = std::pin::pin!(work);
    let mut interrupted = std::pin::pin!(interrupted());
    loop {
        tokio::select! {
            done = &mut work => {
                if is_terminal {
                    eprintln!();
                }
                return done;
            }
            () = &mut interrupted, if !stop.is_cancelled() => {
                eprintln!("stopping: what is under way is left so that the next pass goes on with it");
                stop.cancel();
            }
            _ = ticks.tick(), if is_terminal => show(progress, begun.elapsed()),
        }
    }
}

async fn interrupted() {
    let signals = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    );
    let (Ok(mut interrupt), Ok(mut terminate)) = signals else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// One line, written over the one before.
fn show(progress: &Progress, elapsed: Duration) {
    let mib = progress.bytes() as f64 / f64::from(1 << 20);
    let rate = mib / elapsed.as_secs_f64().max(0.001);
    let line = format!(
        "{} looked at, {} moved, {mib:.0} MiB read ({rate:.1} MiB/s), {} in trouble",
        progress.settled(),
        progress.moved(),
        progress.troubles(),
    );
    // A terminal that is gone is no reason to stop.
    let _ = write!(std::io::stderr(), "\r{line:<78}");
}
