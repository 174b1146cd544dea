//! The log: one line per event on standard error, as text or JSON, filtered by the settings.

use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

use crate::config::LogConfig;

/// Starts logging. A filter that cannot be read is reported and replaced by `info`.
pub fn start(config: &LogConfig) {
    let filter = EnvFilter::try_new(&config.filter).unwrap_or_else(|error| {
        eprintln!("mediaport: log.filter is not understood ({error}); logging at info");
        EnvFilter::new("info")
    });
    let heard = tracing_subscriber::registry().with(filter).with(filter_fn(is_discreet));
    let lines = fmt::layer().with_writer(std::io::stderr);
    // A second start in one process, as in tests, keeps the first.
    drop(if config.json {
        heard.with(lines.json().flatten_event(true)).try_init()
    } else {
        heard.with(lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))).try_init()
    });
}

/// Tells whether a line may be logged at all. Below `info`, libraries print the requests that they send: names of
/// customers' files, addresses with tickets, signatures.
fn is_discreet(line: &Metadata<'_>) -> bool {
    let is_ours = line.target().split("::").next() == Some(env!("CARGO_CRATE_NAME"));
    is_ours || *line.level() <= Level::INFO
}
