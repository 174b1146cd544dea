//! The log: one line per event on standard error, as text or JSON, filtered by the settings.

use tracing_subscriber::EnvFilter;

use crate::config::LogConfig;

/// Starts logging. A filter that cannot be read is reported and replaced by `info`.
pub fn start(config: &LogConfig) {
    let filter = EnvFilter::try_new(&config.filter).unwrap_or_else(|error| {
        eprintln!("mediaport: log.filter is not understood ({error}); logging at info");
        EnvFilter::new("info")
    });
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process, as in tests, keeps the first.
    let started = if config.json {
        lines.json().flatten_event(true).try_init()
    } else {
        lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init()
    };
    drop(started);
}
