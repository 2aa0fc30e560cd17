//! In how many requests a blob is sent, and what becomes of that when a registry does not take it. Sends nothing.

use crate::config::Uploads;
use crate::error::Error;

/// The smallest pieces that are tried with a registry that takes no larger ones.
const SMALLEST: u64 = 256 << 10;

/// In how many requests a blob is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// One.
    Whole,
    /// One for each so many bytes, as that is the safer way; a registry that refuses that gets it whole.
    Offered(u64),
    /// One for each so many bytes: it cannot go whole.
    Needed(u64),
}

impl Manner {
    /// How a blob of that size is sent first.
    pub(crate) fn of(size: u64, uploads: Uploads) -> Self {
        if size > uploads.whole { Self::Offered(uploads.piece.max(1)) } else { Self::Whole }
    }

    /// The bytes of a request; none where all go in one.
    pub(crate) fn piece(self) -> Option<u64> {
        match self {
            Self::Whole => None,
            Self::Offered(piece) | Self::Needed(piece) => Some(piece),
        }
    }

    /// The same for a registry that wants pieces of at least so many bytes, or says nothing of it (0).
    pub(crate) fn at_least(self, least: u64, size: u64, uploads: Uploads) -> Self {
        match self {
            Self::Whole if least > 0 && size > least.max(uploads.piece) => Self::Offered(least.max(uploads.piece)),
            Self::Offered(piece) => Self::Offered(piece.max(least)),
            manner => manner,
        }
    }

    /// How the blob is sent after an answer that refuses the way it was sent; none where the answer is about something
    /// else, or there is no other way.
    pub(crate) fn after(self, error: &Error, size: u64, uploads: Uploads) -> Option<Self> {
        let Error::Status { status, .. } = error else { return None };
        match (*status, self) {
            (413, manner) => smaller(manner.piece().unwrap_or(size), uploads).map(Self::Needed),
            (400 | 405 | 411 | 416 | 501, Self::Offered(_)) => Some(Self::Whole),
            _ => None,
        }
    }

    /// How what is missing is sent after a connection broke, without progress for that many times: what breaks it may be
    /// the size of what is sent.
    pub(crate) fn softened(self, failures: u32, size: u64, uploads: Uploads) -> Self {
        let less = |piece| if failures > 1 { smaller(piece, uploads).unwrap_or(piece) } else { piece };
        match self {
            Self::Whole => Self::Offered(uploads.piece.clamp(1, size.max(1))),
            Self::Offered(piece) => Self::Offered(less(piece)),
            Self::Needed(piece) => Self::Needed(less(piece)),
        }
    }
}

/// The next smaller size to try; none where it is small enough already.
fn smaller(than: u64, uploads: Uploads) -> Option<u64> {
    let piece = uploads.piece.max(1);
    if than > piece { Some(piece) } else { (than > SMALLEST).then(|| (than / 8).max(SMALLEST)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const UPLOADS: Uploads = Uploads { whole: 256 * MIB, piece: 64 * MIB, at_once: 5 };

    fn refused(status: u16) -> Error {
        let (host, subject) = (String::new(), String::new());
        Error::Status { host, subject, status, reason: String::new(), retry_after: None }
    }

    #[test]
    fn too_large_requests_become_smaller_until_they_are_small() {
        let mut manner = Manner::of(200 * MIB, UPLOADS);
        let mut seen = Vec::new();
        while let Some(next) = manner.after(&refused(413), 200 * MIB, UPLOADS) {
            seen.push(next.piece().unwrap());
            manner = next;
        }
        assert_eq!(seen, [64 * MIB, 8 * MIB, MIB, SMALLEST]);
        assert_eq!(Manner::Whole.after(&refused(413), 1000, UPLOADS), None);
    }

    #[test]
    fn pieces_are_offered_and_not_insisted_on() {
        assert_eq!(Manner::of(300 * MIB, UPLOADS), Manner::Offered(64 * MIB));
        assert_eq!(Manner::Offered(MIB).after(&refused(405), 300 * MIB, UPLOADS), Some(Manner::Whole));
        assert_eq!(Manner::Needed(MIB).after(&refused(405), 300 * MIB, UPLOADS), None);
        assert_eq!(Manner::Whole.at_least(5 * MIB, 100 * MIB, UPLOADS), Manner::Offered(64 * MIB));
        assert_eq!(Manner::Whole.at_least(5 * MIB, 10 * MIB, UPLOADS), Manner::Whole);
        assert_eq!(Manner::Offered(MIB).at_least(5 * MIB, 300 * MIB, UPLOADS), Manner::Offered(5 * MIB));
    }

    #[test]
    fn broken_connections_make_it_careful() {
        let once = Manner::Whole.softened(1, 100 * MIB, UPLOADS);
        assert_eq!(once, Manner::Offered(64 * MIB));
        assert_eq!(once.softened(2, 100 * MIB, UPLOADS), Manner::Offered(8 * MIB));
        assert_eq!(Manner::Whole.softened(1, 1000, UPLOADS), Manner::Offered(1000));
    }
}
