//! Reading ahead over many files that are read one after the other: a disk that has to be waited for is asked for the next
//! ones while the first is worked on. Knows no tree.

use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// So many files are looked at and asked for together.
pub const TOGETHER: usize = 64;

/// Of so many files the first is looked at.
const EACH: usize = 16;

/// What is in memory is read in a small part of that, what is on the fastest of disks in no less.
const WAITED: Duration = Duration::from_micros(30);

/// So many bytes of each file are asked for, from its beginning; in longer files the kernel itself reads ahead.
const BEGINNING: Option<NonZeroU64> = NonZeroU64::new(128 << 10);

/// Whether files that are read together come from memory or from a disk that has to be waited for.
#[derive(Debug, Default)]
pub struct Look {
    count: usize,
    is_far: bool,
}

impl Look {
    /// Called with each file right before it is read. True once: when one had to be waited for, so that all after it are
    /// best read [ahead](super::Tree::read_ahead).
    pub fn finds_far(&mut self, file: &File) -> bool {
        self.finds(|| is_far(file))
    }

    fn finds(&mut self, is_far: impl FnOnce() -> bool) -> bool {
        let is_due = !self.is_far && self.count.is_multiple_of(EACH);
        self.count += 1;
        self.is_far |= is_due && is_far();
        is_due && self.is_far
    }
}

/// Has the kernel begin to read a file. What it cannot read ahead is read in its turn.
pub(super) fn ask(file: &File) {
    let _ = fadvise(file, 0, BEGINNING, Advice::WillNeed);
}

/// Whether the first byte of a file has to be waited for. File systems that can tell without a clock (`RWF_NOWAIT`) are
/// few: overlayfs is none of them.
fn is_far(file: &File) -> bool {
    let began = Instant::now();
    // An error shows where the file is read.
    file.read_at(&mut [0], 0).is_ok() && began.elapsed() > WAITED
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::{Errno, ReadWriteFlags, preadv2};
    use std::io::{IoSliceMut, Write};

    fn files(count: usize) -> Vec<File> {
        let file = |_| {
            let mut file = tempfile::tempfile_in("/var/tmp").unwrap();
            file.write_all(&[7; 5000]).unwrap();
            file.sync_all().unwrap();
            file
        };
        (0..count).map(file).collect()
    }

    /// Whether the kernel would have to read the file; that is asked once of each, as asking has the kernel read it.
    fn is_on_disk_only(file: &File) -> bool {
        preadv2(file, &mut [IoSliceMut::new(&mut [0])], 0, ReadWriteFlags::NOWAIT) == Err(Errno::AGAIN)
    }

    #[test]
    fn files_that_are_asked_for_are_read_before_their_turn() {
        // A disk may be busy with something else.
        for wait in [100, 1000, 5000] {
            let (asked, others) = (files(TOGETHER), files(TOGETHER));
            for _ in 0..5 {
                // Pages that somebody holds at this moment stay.
                asked.iter().chain(&others).for_each(|file| fadvise(file, 0, None, Advice::DontNeed).unwrap());
                std::thread::sleep(Duration::from_millis(10));
            }
            asked.iter().for_each(ask);
            std::thread::sleep(Duration::from_millis(wait));
            let on_disk_only = |files: &[File]| files.iter().filter(|file| is_on_disk_only(file)).count();
            let (asked, others) = (on_disk_only(&asked), on_disk_only(&others));
            if others < TOGETHER / 2 {
                eprintln!("SKIP: the file system of /var/tmp keeps files in memory, or cannot tell whether it does");
                return;
            }
            if asked < TOGETHER / 4 {
                return;
            }
        }
        panic!("files that were asked for were not read");
    }

    #[test]
    fn what_is_in_memory_is_not_far_and_far_is_said_once() {
        let file = &files(1)[0];
        file.read_at(&mut [0], 0).unwrap();
        assert!((0..100).any(|_| !is_far(file)), "a byte in memory takes more than {WAITED:?} a hundred times");
        let (mut look, mut asked) = (Look::default(), 0);
        let mut finds = |is_far| {
            look.finds(|| {
                asked += 1;
                is_far
            })
        };
        assert!((0..EACH).all(|_| !finds(false)) && finds(true) && (0..TOGETHER).all(|_| !finds(true)));
        assert_eq!(asked, 2, "the first of {EACH}, until one is far");
    }
}
