//! The binary: hands the command line to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    rbuild_runner::maybe_init();
    rbuild::cli::main(std::env::args_os())
}
