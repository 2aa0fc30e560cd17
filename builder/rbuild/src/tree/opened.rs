//! The data of a file of a tree on its way into a layer. Knows no tree.

use rbuild_store::Settled;
use rbuild_store::layer::Body;
use std::io::{self, Read};

/// The data of a file, for reading.
pub enum Opened<'a> {
    /// Its digest is known, and so is whether it changed since.
    Settled(Settled),
    /// Only its digest can tell whether it is what it was.
    Data(Box<dyn Read + Send + 'a>),
}

impl<'a> Opened<'a> {
    /// What nothing but its digest is known of.
    pub fn data(data: impl Read + Send + 'a) -> Self {
        Self::Data(Box::new(data))
    }

    /// For a layer, which refuses it where it is not what its entry says.
    pub fn body(&mut self) -> Body<'_> {
        match self {
            Self::Settled(file) => Body::Settled(file),
            Self::Data(data) => Body::Reader(data),
        }
    }
}

impl Read for Opened<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Settled(file) => file.read(buffer),
            Self::Data(data) => data.read(buffer),
        }
    }
}
