//! `CMD` and `ENTRYPOINT`, and what `RUN` and `HEALTHCHECK` share with them: exec form and shell form.
use crate::span::Text;

/// A command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A JSON array: run as it stands.
    Exec(Vec<Text>),
    /// Anything else, handed to the shell as one text; empty when there are no arguments.
    Shell(Text),
}
