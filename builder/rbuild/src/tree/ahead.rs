//! Many files that are about to be read: a disk that has to be waited for is asked for all of them at once instead of for
//! one after the other. Knows no tree.

use rustix::fs::{Advice, fadvise};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use std::fs::File;
use std::io::IoSliceMut;
use std::num::NonZeroU64;

/// As many files are best opened before the first of them is read.
pub const AT_ONCE: usize = 64;

/// Of so many files it is looked at whether they are in memory.
const LOOKED_AT: usize = 4;

/// So many bytes of each file are asked for, from its beginning; in longer files the kernel itself reads ahead.
const BEGINNING: NonZeroU64 = NonZeroU64::new(128 << 10).unwrap();

/// Has the kernel read the files while the first of them are worked on, where some of them are found not to be in memory.
pub fn read_ahead(files: &[&File]) {
    if files.len() > 1 && files.iter().step_by(files.len().div_ceil(LOOKED_AT)).any(|file| is_far(file)) {
        for file in files {
            // What cannot be read ahead is read in its turn.
            let _ = fadvise(file, 0, Some(BEGINNING), Advice::WillNeed);
        }
    }
}

/// Whether the first byte of a file would have to be waited for; no where the file system cannot tell (`RWF_NOWAIT`, since
/// Linux 4.14).
fn is_far(file: &File) -> bool {
    let first = preadv2(file, &mut [IoSliceMut::new(&mut [0])], 0, ReadWriteFlags::NOWAIT);
    first == Err(Errno::AGAIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::fs::FileExt;
    use std::time::{Duration, Instant};

    /// Takes a file's bytes out of memory; false where the file system keeps them there, as tmpfs does.
    fn forget(file: &File) -> bool {
        file.sync_all().unwrap();
        fadvise(file, 0, None, Advice::DontNeed).unwrap();
        is_far(file)
    }

    #[test]
    fn files_that_are_not_in_memory_are_read_before_their_turn() {
        let files: Vec<File> = (0..AT_ONCE).map(|_| tempfile::tempfile_in("/var/tmp").unwrap()).collect();
        for mut file in &files {
            file.write_all(&[7; 5000]).unwrap();
        }
        let all: Vec<&File> = files.iter().collect();
        read_ahead(&all);
        if !files.iter().all(forget) {
            eprintln!("SKIP: the file system of /var/tmp keeps files in memory, or cannot tell");
            return;
        }
        read_ahead(&all[..1]);
        assert!(is_far(all[0]), "one file is read in its turn");
        read_ahead(&all);
        let began = Instant::now();
        while files.iter().any(is_far) {
            assert!(began.elapsed() < Duration::from_secs(20), "nobody has read them");
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut bytes = Vec::new();
        files[1].read_at(&mut [0], 0).unwrap();
        assert_eq!((&files[0]).read_to_end(&mut bytes).unwrap(), 0, "where a file is read at stays as it is");
    }
}
