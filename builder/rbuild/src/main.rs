//! The binary: hands the command line to the library.

use std::process::ExitCode;

/// That of musl maps and unmaps memory at every turn, which costs a short command, and a build of many files, half of its
/// time.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    rbuild_runner::maybe_init();
    rbuild::cli::main(std::env::args_os())
}
