//! The command line as typed, and the small languages that more than one verb writes its values in: text in, values out,
//! every refusal says what to write instead. Reads nothing; what the arguments mean for a build or a container is decided
//! in `request` and `container`.

mod build;
mod container;
mod endpoint;
mod exec;
mod fields;
pub(crate) mod host;
mod keep_storage;
pub(crate) mod keys;
mod limits;
pub(crate) mod moment;
mod network;
mod run;
pub(crate) mod signal;
pub(crate) mod size;
pub(crate) mod ulimit;

pub(crate) use build::jobs;
pub use build::{BuildArgs, OnError};
pub use container::{ContainerArgs, Pull};
pub use endpoint::{Endpoint, TRANSPORTS};
pub use exec::ExecArgs;
pub(crate) use fields::{fields, raw_fields, repeated_fields};
pub use keep_storage::Limit;
pub use limits::LimitArgs;
pub use network::NetworkArgs;
pub use run::RunArgs;

use crate::error::Error;

/// How a process ends, for `--help`.
pub const EXIT_CODES: &str =
    "Exit codes: 0 done, 1 failed, 2 a command line that makes no sense, 130 stopped by Ctrl-C";

/// Reads the environment.
pub type Env<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// A refusal.
pub(crate) fn usage(text: impl Into<String>) -> Error {
    Error::Usage(text.into())
}

/// The options of a verb, as typed.
#[cfg(test)]
pub(crate) fn typed<T: clap::Args>(line: &str) -> T {
    #[derive(clap::Parser)]
    #[command(disable_help_flag = true)]
    struct Typed<T: clap::Args> {
        #[command(flatten)]
        args: T,
    }
    let words = std::iter::once("run").chain(line.split_whitespace());
    <Typed<T> as clap::Parser>::parse_from(words).args
}

/// What each text of a table becomes, as one line.
#[cfg(test)]
pub(crate) fn check<T: std::fmt::Debug>(parse: impl Fn(&str) -> crate::error::Result<T>, table: &[(&str, &str)]) {
    for (text, expected) in table {
        let shown = match parse(text) {
            Ok(value) => format!("{value:?}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, *expected, "of {text:?}");
    }
}
