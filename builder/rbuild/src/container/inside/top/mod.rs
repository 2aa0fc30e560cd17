//! The processes of a container as `docker top` shows them: those that the machine's `ps` would list, told apart by
//! their process namespace.

mod columns;
mod options;
mod processes;
mod seen;
mod surroundings;

use self::columns::Column;
use self::surroundings::Surroundings;
use super::running::Running;
use crate::error::Result;
use crate::render::align_by;
use rbuild_oci::Timestamp;

/// The table of the container's processes, with the columns that the options of ps(1) ask for. Numbers of processes and
/// users are those of the machine.
pub fn top(running: &Running, options: &[String], now: Timestamp) -> Result<String> {
    let columns = options::parse(options)?;
    let found = processes::of(running.process())?;
    running.check()?;
    let surroundings = Surroundings::read(now)?;
    let mut lines = vec![columns.iter().map(Column::heading).collect::<Vec<_>>().join("\t")];
    for process in &found {
        let cells = columns.iter().map(|column| column.cell(process, &surroundings));
        lines.push(cells.collect::<Vec<_>>().join("\t"));
    }
    Ok(align_by(&lines.join("\n"), WIDTH, PADDING))
}

/// Docker's least width of a column.
const WIDTH: usize = 20;

/// Docker's space between columns.
const PADDING: usize = 3;
