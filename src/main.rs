//! The program: reads the command line and calls the library.
#![forbid(unsafe_code)]

use std::process::ExitCode;

/// A request is some hundred small pieces of memory, made on one thread and given back on another.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    goldaw::cli::run()
}
