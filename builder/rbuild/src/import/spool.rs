//! A stream copied to a file of the store that nobody else sees. Knows nothing of what is in it.

use crate::error::{Error, Result};
use rbuild_oci::Cancel;
use rbuild_store::Store;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// All of a stream that people know as `name`, from its start, in a file without a name.
pub(super) fn spool(mut stream: impl Read, name: &str, store: &Store, cancel: &Cancel) -> Result<File> {
    let spool = store.tmp_file()?;
    let mut file = spool.file().try_clone().map_err(Error::io("open", spool.path().display()))?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        cancel.check()?;
        let read = stream.read(&mut buffer);
        // A stream that waits may fail because it was told to stop.
        cancel.check()?;
        match read {
            Ok(0) => break,
            Ok(count) => file.write_all(&buffer[..count]).map_err(Error::io("keep", name))?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read", name)(error)),
        }
    }
    file.seek(SeekFrom::Start(0)).map_err(Error::io("read", name))?;
    Ok(file)
}
