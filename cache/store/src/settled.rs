//! A file whose digest is known already, on its way into a layer. Knows neither who took the digest nor what it is.

use crate::error::{Error, Result};
use crate::layer::show_path;
use crate::root_dir::Meta;
use std::fs::File;
use std::io::{self, Read};

/// A file that was last changed well before its digest was taken: as long as its metadata stay the same, so does what it
/// holds. That is what the stat cache, too, goes by: who changes a file through a shared mapping, whose writes move no
/// time until they are on their way to the disk, or sets the machine's clock back, can deceive both.
#[derive(Debug)]
pub struct Settled {
    file: File,
    meta: Meta,
}

impl Settled {
    /// An open file, and what it looked like when its digest was taken.
    pub const fn new(file: File, meta: Meta) -> Self {
        Self { file, meta }
    }

    /// The file itself.
    pub const fn file(&self) -> &File {
        &self.file
    }

    /// Whether it still looks the same; asked once it was read.
    pub(crate) fn is_same(&self, path: &[u8]) -> Result<bool> {
        Ok(self.meta.is_same(&Meta::of(&self.file).map_err(Error::io("stat", show_path(path)))?))
    }
}

impl Read for Settled {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}
