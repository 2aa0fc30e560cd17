//! One thing done with each of several containers: what goes well is printed at once, what does not is said, and the
//! rest is done all the same.

use super::out::{complain_of, print};
use crate::error::Result;
use crate::report;
use std::process::ExitCode;

/// Prints what `act` gives for each name; ends with 1 if anything failed.
pub(super) fn each(names: &[String], mut act: impl FnMut(&str) -> Result<String>) -> Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for name in names {
        match act(name) {
            Ok(text) => print(&text)?,
            Err(error) => {
                complain_of(&report::plain(&error));
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}
