//! The program: reads the command line and calls the library.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    goldaw::cli::run()
}
