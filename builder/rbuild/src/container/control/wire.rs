//! PURE. What travels between a client and the process that lives a container: frames of one byte for the kind, four
//! for the length, and so many bytes. What makes no sense ends the connection.

use rbuild_runner::Stream;
use std::io::{self, ErrorKind, Read};

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Send me this, and how the container ends.
    Attach(Wants),
    /// This was typed.
    Input(Vec<u8>),
    /// Nothing more will be typed.
    EndOfInput,
    /// The terminal is now so large.
    Resize(Size),
    /// This signal, by its number, is for the container's first process.
    Signal(i32),
    /// It is not to be removed when it ends this time.
    Keep,
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tell {
    /// What follows is live.
    Attached {
        /// Whether the container has a terminal.
        terminal: bool,
        /// Whether input reaches it.
        input: bool,
    },
    /// This was printed.
    Output(Stream, Vec<u8>),
    /// It was done.
    Done,
    /// It cannot be done; why.
    Refused(String),
    /// The container has ended, with this number.
    Ended(u8),
}

/// Which streams a client wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
}

/// The size of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Rows.
    pub rows: u16,
    /// Columns.
    pub columns: u16,
}

/// Most bytes of one frame.
pub(super) const LONGEST: usize = 64 << 10;

impl Ask {
    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Attach(wants) => frame(b'a', &[u8::from(wants.stdout), u8::from(wants.stderr)]),
            Self::Input(bytes) => frame(b'i', bytes),
            Self::EndOfInput => frame(b'e', &[]),
            Self::Resize(size) => frame(b'r', &[size.rows.to_le_bytes(), size.columns.to_le_bytes()].concat()),
            Self::Signal(number) => frame(b's', &number.to_le_bytes()),
            Self::Keep => frame(b'k', &[]),
        }
    }

    /// The next one; none at the end of the connection.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let Some((kind, bytes)) = read_frame(from)? else { return Ok(None) };
        Ok(Some(match (kind, &bytes[..]) {
            (b'a', [stdout, stderr]) => Self::Attach(Wants { stdout: *stdout != 0, stderr: *stderr != 0 }),
            (b'i', _) => Self::Input(bytes),
            (b'e', []) => Self::EndOfInput,
            (b'r', [a, b, c, d]) => {
                Self::Resize(Size { rows: u16::from_le_bytes([*a, *b]), columns: u16::from_le_bytes([*c, *d]) })
            }
            (b's', [a, b, c, d]) => Self::Signal(i32::from_le_bytes([*a, *b, *c, *d])),
            (b'k', []) => Self::Keep,
            _ => return Err(ErrorKind::InvalidData.into()),
        }))
    }
}

impl Tell {
    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Attached { terminal, input } => frame(b'A', &[u8::from(*terminal), u8::from(*input)]),
            Self::Output(stream, bytes) => output(*stream, bytes),
            Self::Done => frame(b'D', &[]),
            Self::Refused(why) => frame(b'N', why.as_bytes()),
            Self::Ended(code) => frame(b'X', &[*code]),
        }
    }

    /// The next one; none at the end of the connection.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let Some((kind, bytes)) = read_frame(from)? else { return Ok(None) };
        Ok(Some(match (kind, &bytes[..]) {
            (b'A', [terminal, input]) => Self::Attached { terminal: *terminal != 0, input: *input != 0 },
            (b'1', _) => Self::Output(Stream::Stdout, bytes),
            (b'2', _) => Self::Output(Stream::Stderr, bytes),
            (b'D', []) => Self::Done,
            (b'N', _) => Self::Refused(String::from_utf8_lossy(&bytes).into_owned()),
            (b'X', [code]) => Self::Ended(*code),
            _ => return Err(ErrorKind::InvalidData.into()),
        }))
    }
}

/// A frame with output, at most [`LONGEST`] bytes.
pub(super) fn output(stream: Stream, bytes: &[u8]) -> Vec<u8> {
    let kind = match stream {
        Stream::Stdout => b'1',
        Stream::Stderr => b'2',
    };
    frame(kind, bytes)
}

fn frame(kind: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&[kind][..], &length.to_le_bytes(), bytes].concat()
}

fn read_frame(from: &mut impl Read) -> io::Result<Option<(u8, Vec<u8>)>> {
    let mut head = [0; 5];
    match from.read_exact(&mut head) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let [kind, a, b, c, d] = head;
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if length > LONGEST {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    Ok(Some((kind, bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_arrive_as_they_were_sent() {
        let asks = [
            Ask::Attach(Wants { stdout: true, stderr: false }),
            Ask::Input(b"typed".to_vec()),
            Ask::EndOfInput,
            Ask::Resize(Size { rows: 24, columns: 300 }),
            Ask::Signal(15),
            Ask::Keep,
        ];
        let bytes: Vec<u8> = asks.iter().flat_map(Ask::encode).collect();
        let mut from = &bytes[..];
        for ask in asks {
            assert_eq!(Ask::read(&mut from).unwrap(), Some(ask));
        }
        assert_eq!(Ask::read(&mut from).unwrap(), None);
        let tells = [
            Tell::Attached { terminal: true, input: false },
            Tell::Output(Stream::Stderr, vec![0; LONGEST]),
            Tell::Done,
            Tell::Refused("no".into()),
            Tell::Ended(137),
        ];
        let bytes: Vec<u8> = tells.iter().flat_map(Tell::encode).collect();
        let mut from = &bytes[..];
        for tell in tells {
            assert_eq!(Tell::read(&mut from).unwrap(), Some(tell));
        }
    }

    #[test]
    fn nonsense_is_an_error() {
        for bytes in [&b"i\xff\xff\xff\xff"[..], b"?\0\0\0\0", b"s\x01\0\0\0\x09", b"i\x05\0\0\0ab"] {
            assert!(Ask::read(&mut &bytes[..]).is_err(), "{bytes:?}");
        }
    }
}
