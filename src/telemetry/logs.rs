//! Where log lines go: to the journal when systemd started us, else to standard error, with
//! colours only on a terminal.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

/// Starts logging for the life of the process. `EARMARK_LOG` chooses what is shown, in the
/// syntax of `RUST_LOG`; default: ours from `info`, everything else from `warn`.
pub fn start(default: &str) {
    let filter = EnvFilter::try_from_env("EARMARK_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let journal = std::env::var_os("JOURNAL_STREAM").and_then(|_| tracing_journald::layer().ok());
    let plain = journal.is_none().then(|| {
        tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
            .with_target(false)
            .boxed()
    });
    // A second start (several daemons in one process, as in tests) keeps the first.
    let _ = tracing_subscriber::registry().with(filter).with(journal).with(plain).try_init();
}
