//! Cuts a stream where its content says so (FastCDC, as of 2020), so that a change in the middle of it changes the pieces
//! there and no others. Knows no blob.

use fastcdc::v2020::FastCDC;
use std::io::{self, Write};

/// What a piece has in bytes at least, but for the last one.
const LEAST: usize = 256 << 10;
/// What it has on average.
const USUAL: usize = 1 << 20;
/// What it has at most.
pub(super) const MOST: usize = 4 << 20;

/// Takes the pieces of a stream, in order.
pub(super) trait Take {
    /// The next piece, of at most [`MOST`] bytes.
    fn take(&mut self, piece: &[u8]) -> io::Result<()>;
}

/// A stream on its way to who takes its pieces.
#[derive(Debug)]
pub(super) struct Cutter<T> {
    room: Vec<u8>,
    taker: T,
}

impl<T: Take> Cutter<T> {
    pub(super) fn new(taker: T) -> Self {
        Self { room: Vec::with_capacity(2 * MOST), taker }
    }

    /// Hands on what is left.
    pub(super) fn finish(mut self) -> io::Result<T> {
        self.cut(0)?;
        Ok(self.taker)
    }

    /// Hands on pieces while more than `rest` bytes are left: where a piece ends is known once [`MOST`] bytes are here, or
    /// all of them.
    fn cut(&mut self, rest: usize) -> io::Result<()> {
        let (cutter, mut start) = (FastCDC::new(&self.room, LEAST, USUAL, MOST), 0);
        while self.room.len() - start > rest {
            let (_, end) = cutter.cut(start, self.room.len() - start);
            self.taker.take(&self.room[start..end])?;
            start = end;
        }
        self.room.drain(..start);
        Ok(())
    }
}

impl<T: Take> Write for Cutter<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let now = &bytes[..bytes.len().min(MOST)];
        self.room.extend_from_slice(now);
        self.cut(MOST)?;
        Ok(now.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Take for Vec<Vec<u8>> {
        fn take(&mut self, piece: &[u8]) -> io::Result<()> {
            self.push(piece.to_vec());
            Ok(())
        }
    }

    fn noise(count: usize, mut seed: u64) -> Vec<u8> {
        let mut next = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed as u8
        };
        (0..count).map(|_| next()).collect()
    }

    fn pieces(bytes: &[u8], step: usize) -> Vec<Vec<u8>> {
        let mut cutter = Cutter::new(Vec::new());
        bytes.chunks(step).for_each(|part| cutter.write_all(part).unwrap());
        cutter.finish().unwrap()
    }

    #[test]
    fn where_it_is_cut_follows_from_the_bytes_alone() {
        let bytes = noise(20 << 20, 7);
        let cut = pieces(&bytes, 20 << 20);
        assert_eq!(cut.concat(), bytes);
        assert!(cut.len() > 8, "{}", cut.len());
        for step in [1 << 20, 999_983, 4 << 20] {
            assert_eq!(pieces(&bytes, step), cut, "{step}");
        }
        let (last, others) = cut.split_last().unwrap();
        assert!(others.iter().all(|piece| (LEAST..=MOST).contains(&piece.len())) && last.len() <= MOST);
    }

    #[test]
    fn a_change_in_the_middle_changes_pieces_there_only() {
        let bytes = noise(20 << 20, 7);
        let mut changed = bytes.clone();
        changed.splice(9 << 20..9 << 20, noise(1000, 3));
        let (before, after) = (pieces(&bytes, 1 << 20), pieces(&changed, 1 << 20));
        let new = after.iter().filter(|piece| !before.contains(piece)).count();
        assert!((1..=2).contains(&new), "{new} of {}", after.len());
    }

    #[test]
    fn nothing_has_no_pieces_and_zeros_are_one_piece_again_and_again() {
        assert!(pieces(&[], 1).is_empty());
        let zeros = pieces(&vec![0; 17 << 20], 1 << 20);
        let mut different = zeros.clone();
        different.dedup();
        assert!(zeros.len() > 2 && different.len() == 2, "{} {}", zeros.len(), different.len());
    }
}
