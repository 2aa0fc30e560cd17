//! The way of an image to a place that only notes what it is given.

use super::*;
use crate::error::Error;
use crate::import::Blobs;
use rbuild_oci::testing::{TestImage, random_image};
use rbuild_oci::{Cancel, Digest, Index, Manifest, MediaType, Platform, to_canonical_json};
use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Barrier, Mutex};

/// Content in memory.
#[derive(Debug)]
struct Memory(BTreeMap<Digest, Vec<u8>>);

impl Blobs for Memory {
    fn open(&self, blob: &Descriptor) -> Result<Option<Box<dyn Read + Send + '_>>> {
        Ok(self.0.get(&blob.digest).map(|bytes| Box::new(Cursor::new(bytes)) as Box<dyn Read + Send>))
    }

    fn place(&self) -> String {
        "memory".to_owned()
    }
}

/// A place that notes what it is given, in order.
struct Notes<'a> {
    given: Mutex<Vec<String>>,
    /// Called with each blob.
    met: &'a (dyn Fn(&Descriptor) -> Result<()> + Sync),
}

impl<'a> Notes<'a> {
    fn new(met: &'a (dyn Fn(&Descriptor) -> Result<()> + Sync)) -> Self {
        Self { given: Mutex::default(), met }
    }

    fn note(&self, what: &str, digest: &Digest) {
        self.given.lock().unwrap().push(format!("{what} {}", digest.short()));
    }

    fn given(&self) -> Vec<String> {
        self.given.lock().unwrap().clone()
    }
}

impl Sink for Notes<'_> {
    fn place(&self) -> String {
        "notes".to_owned()
    }

    fn blob(&self, blob: &Descriptor, open: &Open<'_>) -> Result<Placed> {
        (self.met)(blob)?;
        let mut bytes = Vec::new();
        open()?.read_to_end(&mut bytes).unwrap();
        assert_eq!(Digest::of(&bytes), blob.digest);
        self.note("blob", &blob.digest);
        Ok(Placed::Sent)
    }

    fn document(&self, document: &Descriptor, bytes: &[u8]) -> Result<()> {
        assert_eq!(Descriptor::of(document.media_type.clone(), bytes).digest, document.digest);
        self.note("document", &document.digest);
        Ok(())
    }

    fn name(&self, document: &Descriptor, _: &[u8], name: &Reference) -> Result<()> {
        self.note(&name.familiar(), &document.digest);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

#[allow(clippy::unnecessary_wraps)] // others fail
fn fine(_: &Descriptor) -> Result<()> {
    Ok(())
}

fn send(from: &Memory, to: &dyn Sink, target: &Descriptor, at_once: usize, repack: &dyn Repack) -> Result<Descriptor> {
    let cancel = Cancel::new();
    let walk = Walk { from, to, repack, at_once, cancel: &cancel, told: &|_, _, _| {} };
    walk.send(target, &["app:1".parse().unwrap()])
}

fn manifest(image: &TestImage) -> Manifest {
    Manifest::from_json(&image.blobs[&image.descriptor.digest]).unwrap()
}

#[test]
fn blobs_come_before_documents_and_names_last() {
    let image = random_image(1, 2);
    let (to, from) = (Notes::new(&fine), Memory(image.blobs.clone()));
    assert_eq!(send(&from, &to, &image.descriptor, 1, &AsTheyAre).unwrap(), image.descriptor);
    let manifest = manifest(&image);
    let blobs = manifest.layers.iter().chain([&manifest.config]).map(|blob| format!("blob {}", blob.digest.short()));
    let top = image.descriptor.digest.short();
    let expected: Vec<String> = blobs.chain([format!("document {top}"), format!("app:1 {top}")]).collect();
    assert_eq!(to.given(), expected);
}

/// An index of an index of two images.
fn nested() -> (Memory, Descriptor, [TestImage; 2]) {
    let images = [random_image(2, 2), random_image(3, 1)];
    let mut blobs: BTreeMap<_, _> = images.iter().flat_map(|image| image.blobs.clone()).collect();
    let mut put = |entries: Vec<Descriptor>| {
        let bytes = to_canonical_json(&Index::oci(entries)).unwrap();
        let descriptor = Descriptor::of(MediaType::OCI_INDEX, &bytes);
        blobs.insert(descriptor.digest, bytes);
        descriptor
    };
    let platform = |text: &str| Some(text.parse::<Platform>().unwrap());
    let first = Descriptor { platform: platform("linux/amd64"), ..images[0].descriptor.clone() };
    let second = Descriptor { platform: platform("linux/arm64"), ..images[1].descriptor.clone() };
    let inner = put(vec![second]);
    let outer = put(vec![first.clone(), inner, first]);
    (Memory(blobs), outer, images)
}

#[test]
fn every_blob_of_an_index_comes_once_and_every_document_after_what_it_names() {
    let (from, outer, images) = nested();
    let to = Notes::new(&fine);
    assert_eq!(send(&from, &to, &outer, 3, &AsTheyAre).unwrap(), outer);
    let given = to.given();
    let blobs: Vec<&String> = given.iter().filter(|line| line.starts_with("blob")).collect();
    assert_eq!(blobs.len(), 5, "{given:?}");
    assert!(given[..5].iter().all(|line| line.starts_with("blob")), "no document before the last blob: {given:?}");
    let at = |digest: &Digest| given.iter().position(|line| *line == format!("document {}", digest.short())).unwrap();
    assert!(images.iter().all(|image| at(&image.descriptor.digest) < at(&outer.digest)));
    assert_eq!(given.last(), Some(&format!("app:1 {}", outer.digest.short())));
}

#[test]
fn no_more_blobs_go_at_once_than_was_said() {
    let image = random_image(4, 6);
    let from = Memory(image.blobs.clone());
    let (there, most) = (Mutex::new(0), Mutex::new(0));
    // Blobs go in pairs only if two are there at the same time.
    let pair = Barrier::new(2);
    let met = |blob: &Descriptor| {
        let mut count = there.lock().unwrap();
        *count += 1;
        let mut most = most.lock().unwrap();
        *most = (*most).max(*count);
        drop((count, most));
        if blob.media_type.as_str() == MediaType::OCI_LAYER {
            pair.wait();
        }
        *there.lock().unwrap() -= 1;
        Ok(())
    };
    send(&from, &Notes::new(&met), &image.descriptor, 2, &AsTheyAre).unwrap();
    assert_eq!(*most.lock().unwrap(), 2);
}

/// Packs a layer by turning its bytes around; the second only once the first was sent.
struct Reversing {
    blobs: BTreeMap<Digest, Vec<u8>>,
    second: Digest,
    first_is_there: Mutex<Receiver<()>>,
}

impl Repack for Reversing {
    fn applies(&self, _: &Manifest, _: &[DiffId]) -> bool {
        true
    }

    fn layer(&self, blob: &Descriptor, layer: &DiffId) -> Result<Packed<'_>> {
        assert_eq!(blob.digest, layer.0);
        if layer.0 == self.second {
            self.first_is_there.lock().unwrap().recv().unwrap();
        }
        let bytes: Vec<u8> = self.blobs[&layer.0].iter().rev().copied().collect();
        let blob = Descriptor::of(MediaType::OCI_LAYER_ZSTD, &bytes);
        Ok(Packed { blob, open: Box::new(move || Ok(Box::new(Cursor::new(bytes.clone())))) })
    }

    fn failed(&self, _: &Descriptor, _: &DiffId) -> bool {
        false
    }
}

#[test]
fn the_first_layer_is_sent_while_the_next_is_packed() {
    let image = random_image(5, 2);
    let own = manifest(&image);
    let (sender, receiver): (Sender<()>, _) = channel();
    let sender = Mutex::new(sender);
    let met = |blob: &Descriptor| {
        if blob.media_type.as_str() == MediaType::OCI_LAYER_ZSTD {
            // Nobody waits for that of the second.
            sender.lock().unwrap().send(()).ok();
        }
        Ok(())
    };
    let repack =
        Reversing { blobs: image.blobs.clone(), second: own.layers[1].digest, first_is_there: Mutex::new(receiver) };
    let to = Notes::new(&met);
    let sent = send(&Memory(image.blobs.clone()), &to, &image.descriptor, 2, &repack).unwrap();
    assert_ne!(sent.digest, image.descriptor.digest);
    assert_eq!(to.given().last(), Some(&format!("app:1 {}", sent.digest.short())));
}

#[test]
fn what_layers_become_changes_every_document_above() {
    let (from, outer, _) = nested();
    let (_sender, receiver) = channel();
    let second = Digest::of(b"none");
    let repack = Reversing { blobs: from.0.clone(), second, first_is_there: Mutex::new(receiver) };
    let to = Notes::new(&fine);
    let sent = send(&from, &to, &outer, 1, &repack).unwrap();
    assert_ne!(sent.digest, outer.digest);
    let given = to.given();
    assert!(!given.iter().any(|line| line.contains(&outer.digest.short())), "{given:?}");
}

#[test]
fn a_failure_keeps_the_rest_from_beginning() {
    let image = random_image(6, 9);
    let first = manifest(&image).layers[0].digest;
    let met = |blob: &Descriptor| {
        if blob.digest == first { Err(Error::Usage("told to fail".to_owned())) } else { Ok(()) }
    };
    let to = Notes::new(&met);
    let error = send(&Memory(image.blobs.clone()), &to, &image.descriptor, 1, &AsTheyAre).unwrap_err();
    assert_eq!((error.to_string().as_str(), to.given().len()), ("told to fail", 0));
    let mut blobs = image.blobs.clone();
    blobs.remove(&first);
    let error = send(&Memory(blobs), &Notes::new(&fine), &image.descriptor, 2, &AsTheyAre).unwrap_err().to_string();
    assert!(error.contains(&first.to_string()) && error.contains("not found in memory"), "{error}");
}

#[test]
fn layers_that_may_lie_elsewhere_only_are_left_there() {
    let image = random_image(7, 2);
    let mut own = manifest(&image);
    let foreign = &mut own.layers[0];
    foreign.media_type = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip".into();
    foreign.urls = vec!["https://far.invalid/layer".to_owned()];
    let foreign = foreign.digest;
    let bytes = to_canonical_json(&own).unwrap();
    let target = Descriptor::of(MediaType::OCI_MANIFEST, &bytes);
    let mut blobs = image.blobs;
    blobs.insert(target.digest, bytes);
    blobs.remove(&foreign);
    let to = Notes::new(&fine);
    assert_eq!(send(&Memory(blobs), &to, &target, 2, &AsTheyAre).unwrap(), target);
    assert_eq!(to.given().len(), 4, "{:?}", to.given());
}

/// Content of which one blob has no end before another failed, and counts how often it is read from then on.
#[derive(Debug)]
struct Endless {
    from: Memory,
    blob: Digest,
    other_failed: Mutex<Receiver<()>>,
    reads: AtomicUsize,
}

/// The most that is read of the endless blob.
const READS: usize = 10_000;

impl Blobs for Endless {
    fn open(&self, blob: &Descriptor) -> Result<Option<Box<dyn Read + Send + '_>>> {
        if blob.digest == self.blob { Ok(Some(Box::new(self))) } else { self.from.open(blob) }
    }

    fn place(&self) -> String {
        "memory".to_owned()
    }
}

impl Read for &Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let reads = self.reads.fetch_add(1, Ordering::Relaxed);
        if reads == 0 {
            self.other_failed.lock().unwrap().recv().unwrap();
        }
        std::thread::sleep(std::time::Duration::from_micros(100));
        buffer[0] = 0;
        Ok(usize::from(reads < READS))
    }
}

/// A place that only reads.
struct Reader<'a>(Notes<'a>);

impl Sink for Reader<'_> {
    fn place(&self) -> String {
        self.0.place()
    }

    fn blob(&self, blob: &Descriptor, open: &Open<'_>) -> Result<Placed> {
        (self.0.met)(blob)?;
        std::io::copy(&mut open()?, &mut std::io::sink()).map_err(Error::io("read", blob.digest))?;
        Ok(Placed::Sent)
    }

    fn document(&self, _: &Descriptor, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn name(&self, _: &Descriptor, _: &[u8], _: &Reference) -> Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_failure_stops_what_is_under_way_and_is_the_one_that_is_told() {
    let image = random_image(8, 2);
    let own = manifest(&image);
    let (sender, receiver) = channel();
    let sender = Mutex::new(sender);
    let failing = own.layers[1].digest;
    let met = |blob: &Descriptor| {
        if blob.digest != failing {
            return Ok(());
        }
        sender.lock().unwrap().send(()).unwrap();
        Err(Error::Usage("told to fail".to_owned()))
    };
    let (other_failed, reads) = (Mutex::new(receiver), AtomicUsize::new(0));
    let from = Endless { from: Memory(image.blobs.clone()), blob: own.layers[0].digest, other_failed, reads };
    let (to, cancel) = (Reader(Notes::new(&met)), Cancel::new());
    let walk = Walk { from: &from, to: &to, repack: &AsTheyAre, at_once: 2, cancel: &cancel, told: &|_, _, _| {} };
    let error = walk.send(&image.descriptor, &[]).unwrap_err();
    assert_eq!(error.to_string(), "told to fail");
    assert!(from.reads.into_inner() < READS, "it was read to its end");
}
