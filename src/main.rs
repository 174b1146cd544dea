//! The command `mediaport`.

use std::process::ExitCode;

fn main() -> ExitCode {
    mediaport::cli::main()
}
