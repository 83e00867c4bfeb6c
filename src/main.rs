//! The entry point. Everything else is in the library, so that tests can use it.

use std::process::ExitCode;

fn main() -> ExitCode {
    planwright::cli::main()
}
