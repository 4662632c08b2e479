//! The program: reads the command line and calls the library.
#![forbid(unsafe_code)]

use std::process::ExitCode;

/// A request is some hundred small pieces of memory, made on one thread and given back on another.
/// What hashing a passphrase takes (64 MiB) goes back to the system at once.
#[global_allocator]
static MEMORY: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    goldaw::cli::run()
}
