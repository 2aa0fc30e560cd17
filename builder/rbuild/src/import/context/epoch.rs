//! The time that SOURCE_DATE_EPOCH stands for where it is a name: of a commit, of a download, of the youngest file in a
//! tarball. A directory has none. Knows no clock.

use super::{url, with};
use crate::error::Result;
use crate::git::{Arrival, bring};
use crate::lock::pin_op;
use crate::reach::Reach;
use crate::request::{BuildRequest, EPOCH};
use crate::solve::Shown;
use rbuild_graph::{Op, TimeSource, time_source};

/// Puts seconds, or nothing, in the place of a name; `context` is the time of the main context. A Dockerfile that does not
/// parse is left to those who say so.
pub(super) fn settle(reach: &Reach<'_>, request: &mut BuildRequest, context: Option<i64>) -> Result<()> {
    let Ok(file) = dockerfile_parser::parse(&request.dockerfile.bytes) else { return Ok(()) };
    let mut source = time_source(&file, &request.graph)?;
    if let (Some(TimeSource::Leaf(op)), Some(lock)) = (&mut source, &request.lock) {
        pin_op(lock, op)?;
    }
    let time = match source {
        None => return Ok(()),
        Some(TimeSource::Timeless) => None,
        Some(TimeSource::Context) => context,
        Some(TimeSource::Leaf(op)) => of_leaf(reach, request, &op)?,
    };
    if time.is_none() {
        let note =
            format!("what {EPOCH} names has no time of its own, as a directory has none: times stay as they are made");
        request.notes.push(note);
    }
    let text = time.map_or_else(String::new, |seconds| seconds.to_string());
    request.graph.build_args.insert(EPOCH.to_owned(), text);
    request.graph.source_date_epoch = time;
    Ok(())
}

fn of_leaf(reach: &Reach<'_>, request: &BuildRequest, op: &Op) -> Result<Option<i64>> {
    match op {
        Op::Git(git) => with(reach, request, &format!("{EPOCH} of {}", git.remote), &|reach| {
            let found = bring(reach, git)?;
            let shown = if found.arrival == Arrival::Known { Shown::Cached } else { Shown::Done };
            Ok((found.time()?, shown))
        }),
        Op::Fetch(fetch) => {
            with(reach, request, &format!("{EPOCH} of {}", fetch.url), &|reach| url::time(reach, fetch))
        }
        _ => Ok(None),
    }
}
