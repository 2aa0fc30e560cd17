//! The data of a file of a tree on its way into a layer. Knows no tree.

use rbuild_store::Settled;
use rbuild_store::layer::Body;
use std::fs::File;
use std::io::{self, Read};

/// The data of a file, for reading.
pub enum Opened<'a> {
    /// Its digest is known, and so is whether it changed since.
    Settled(Settled),
    /// A file of which only its digest can tell whether it is what it was.
    File(File),
    /// What is read from elsewhere; of it, too, only its digest can tell.
    Data(Box<dyn Read + Send + 'a>),
}

impl<'a> Opened<'a> {
    /// What nothing but its digest is known of.
    pub fn data(data: impl Read + Send + 'a) -> Self {
        Self::Data(Box::new(data))
    }

    /// The file that will be read, where it is one.
    pub const fn file(&self) -> Option<&File> {
        match self {
            Self::Settled(settled) => Some(settled.file()),
            Self::File(file) => Some(file),
            Self::Data(_) => None,
        }
    }

    /// For a layer, which refuses it where it is not what its entry says.
    pub fn body(&mut self) -> Body<'_> {
        match self {
            Self::Settled(file) => Body::Settled(file),
            Self::File(file) => Body::Reader(file),
            Self::Data(data) => Body::Reader(data),
        }
    }
}

impl Read for Opened<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Settled(file) => file.read(buffer),
            Self::File(file) => file.read(buffer),
            Self::Data(data) => data.read(buffer),
        }
    }
}
