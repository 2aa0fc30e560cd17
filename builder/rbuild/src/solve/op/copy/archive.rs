//! Archives among the sources of an ADD: opened once each, their entries placed like files.

use super::Picked;
use crate::error::{Error, Result};
use crate::solve::Work;
use crate::solve::seen::Sight;
use rbuild_graph::Unpack;
use rbuild_store::layer::{Archive, Limits, Node, is_archive};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// For each sight of each source in order: the archive it is, where it is one that is to be unpacked.
pub(super) fn open_all(work: &Work<'_>, picked: &[Picked<'_>]) -> Result<Vec<Option<Archive>>> {
    let mut archives = Vec::new();
    for source in picked {
        let Picked::Files { tree, sights, unpack } = source else { continue };
        for Sight { found, .. } in sights {
            let candidate = *unpack == Unpack::IfArchive && matches!(found.entry.node, Node::File(_));
            let data = || tree.open(&found.entry.path, found.entry.digest());
            let sniffed = candidate && is_archive(data()?)?;
            archives.push(if sniffed { Some(open(work, &mut data()?)?) } else { None });
        }
    }
    Ok(archives)
}

/// Opens an archive by way of a copy, which nobody can change while it is read.
fn open(work: &Work<'_>, source: &mut dyn Read) -> Result<Archive> {
    let store = work.ctx.store;
    let spool = || -> rbuild_store::Result<File> {
        let file = store.tmp_file()?;
        file.file().try_clone().map_err(rbuild_store::Error::io("open", file.path().display()))
    };
    let mut copy = spool()?;
    io::copy(source, &mut copy).map_err(Error::io("copy", "the archive"))?;
    copy.seek(SeekFrom::Start(0)).map_err(Error::io("read", "the archive"))?;
    Ok(Archive::open(copy, &spool, Limits::default(), work.ctx.cancel)?)
}
