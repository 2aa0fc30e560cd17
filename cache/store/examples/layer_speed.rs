//! Measures layers on this machine: `cargo run --release -p rbuild-store --example layer_speed [FILES] [MIB]`. Makes a
//! tree in the temporary directory, packs it, reads the result back in every way, and prints MB/s.

use rbuild_oci::{Cancel, Hasher};
use rbuild_store::layer::{
    Body, Codec, Entry, FileData, Format, LayerIndex, LayerWriter, Limits, Node, Ownership, Packed, Style,
    UnpackOptions, View, compare_paths, compress, index_tar, unpack,
};
use rbuild_store::{FileKind, RootDir};
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let argument = |at, usual| std::env::args().nth(at).map_or(Ok(usual), |text| text.parse::<usize>());
    let (files, mib) = (argument(1, 20_000)?, argument(2, 200)?);
    let holder = tempfile::tempdir()?;
    let tree = holder.path().join("tree");
    make_tree(&tree, files, (mib << 20) / files)?;
    let root = RootDir::open(&tree)?;
    let mut packed = best("pack to nothing", || pack(&root, io::sink()))?;
    let size = packed.size;
    println!("  the tarball has {} MB", size / 1_000_000);
    let tarball = holder.path().join("layer.tar");
    packed.index = best_of(size, "pack to a file", || Ok(pack(&root, File::create(&tarball)?)?.index))?;
    best_of(size, "hash the file", || {
        let mut hasher = Hashing(Hasher::new());
        io::copy(&mut File::open(&tarball)?, &mut hasher)?;
        Ok(hasher.0.finish())
    })?;
    best_of(size, "index", || Ok(index_tar(&mut File::open(&tarball)?, Limits::default(), &Cancel::new())?))?;
    best_of(size, "unpack", || {
        let target = tempfile::tempdir_in(holder.path())?;
        let below = View::default();
        let options = UnpackOptions { style: Style::Plain, ownership: Ownership::Recorded, below: &below };
        let start = Instant::now();
        unpack(&File::open(&tarball)?, &packed.index, &RootDir::open(target.path())?, &options, &Cancel::new())?;
        println!("  {:.0} ms without the removal", start.elapsed().as_secs_f64() * 1e3);
        Ok(())
    })?;
    for (format, level) in [(Format::Zstd, 1), (Format::Zstd, 3), (Format::Gzip, 6)] {
        let codec = Codec::new(format, Some(level))?;
        best_of(size, &codec.key(), || {
            Ok(compress(&mut File::open(&tarball)?, codec, &mut io::sink(), &Cancel::new())?.size)
        })?;
    }
    measure_index(&packed.index)
}

fn measure_index(index: &LayerIndex) -> Outcome<()> {
    let bytes = index.encode();
    let size = bytes.len() as u64;
    println!("index of {} entries: {} KB", index.entries().len(), size / 1000);
    best_of(size, "encode the index", || Ok(index.encode().len()))?;
    best_of(size, "decode the index", || LayerIndex::decode(&bytes).ok_or_else(|| "damaged".into()))?;
    best_of(size, "timeless digest", || Ok(index.timeless_digest(&(0..=0))))?;
    let view = View::new(vec![Arc::new(index.clone())]);
    best_of(size, "walk the view", || Ok(view.walk(b"").count()))?;
    best_of(size, "look all up", || {
        Ok(index.entries().iter().filter(|entry| view.lookup(&entry.path).is_some()).count())
    })?;
    Ok(())
}

/// A tree of files of about that size, a hundred in a directory.
fn make_tree(at: &Path, files: usize, size: usize) -> io::Result<()> {
    let mut state = 1_u64;
    let mut body = vec![0; size * 2];
    for number in 0..files {
        let directory = at.join(format!("package-{}/lib/module-{}", number / 1000, number / 100));
        fs::create_dir_all(&directory)?;
        for byte in &mut body {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = b'a' + (state >> 60) as u8;
        }
        fs::write(directory.join(format!("file-{number}.js")), &body[..size / 2 + (state >> 33) as usize % size])?;
    }
    Ok(())
}

fn pack<W: Write + Send + 'static>(root: &RootDir, out: W) -> Outcome<Packed<W>> {
    let mut found = root.walk(b"")?.collect::<Result<Vec<_>, _>>()?;
    found.sort_by(|a, b| compare_paths(&a.path, &b.path));
    let mut writer = LayerWriter::new(out, None, Cancel::new());
    for item in found {
        let meta = item.meta;
        let node = if meta.kind == FileKind::File { Node::File(FileData::unread(meta.size)) } else { Node::DIRECTORY };
        let name = item.name().to_vec();
        let entry = Entry { mtime: meta.mtime.seconds, ..Entry::new(item.path.clone(), node, meta.mode) };
        if meta.kind == FileKind::File {
            writer.add(entry, Body::Reader(&mut item.dir().open_file(&name)?))?;
        } else {
            writer.add(entry, Body::None)?;
        }
    }
    Ok(writer.finish()?)
}

struct Hashing(Hasher);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn best<T>(what: &str, mut work: impl FnMut() -> Outcome<Packed<T>>) -> Outcome<Packed<T>> {
    let size = work()?.size;
    best_of(size, what, work)
}

/// Runs the work five times and prints its least time.
fn best_of<T>(size: u64, what: &str, mut work: impl FnMut() -> Outcome<T>) -> Outcome<T> {
    let mut least = Duration::MAX;
    let mut last = None;
    for _ in 0..5 {
        let start = Instant::now();
        let result = work()?;
        least = least.min(start.elapsed());
        last = Some(result);
    }
    let micros = least.as_micros().max(1);
    println!("{what:24} {:7}.{} ms {:7} MB/s", micros / 1000, micros / 100 % 10, u128::from(size) / micros);
    last.ok_or_else(|| "nothing was measured".into())
}
