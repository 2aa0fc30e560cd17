//! Everything in a store that must hold at every moment, checked byte by byte.

use rbuild_oci::testing::validate;
use rbuild_oci::{Cancel, DiffId, Digest, Hasher, Index};
use rbuild_store::Store;
use rbuild_store::layer::{LayerIndex, Limits, index_tar};
use std::fs;
use std::io::Read;
use std::path::Path;

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Blobs, all of them hashed again.
    pub(crate) blobs: usize,
    /// Layer indexes, all of them made again from their layers.
    pub(crate) indexes: usize,
    /// Tags, all of their images whole.
    pub(crate) tags: usize,
}

/// Checks the store; panics with what is wrong.
pub(crate) fn check(root: &Path) -> Checked {
    let store = Store::open(root).unwrap();
    let mut checked = Checked::default();
    for blob in fs::read_dir(store.blobs()).unwrap() {
        let path = blob.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(digest(&path).hex(), name, "{} has other content", path.display());
        checked.blobs += 1;
    }
    for index in fs::read_dir(store.dir(rbuild_store::Bucket::Index)).unwrap() {
        let path = index.unwrap().path();
        let Ok(digest) = Digest::from_hex(path.file_name().unwrap().to_str().unwrap()) else { continue };
        let layer = DiffId(digest);
        let kept = LayerIndex::decode(&fs::read(&path).unwrap()).unwrap();
        // The index lands before its layer: a build that died in between leaves the index alone.
        if let Ok(mut tarball) = fs::File::open(store.blob_path(&layer.0)) {
            let (made, found, _) = index_tar(&mut tarball, Limits::default(), &Cancel::new()).unwrap();
            assert_eq!(found, layer);
            assert_eq!(kept.entries(), made.entries(), "the index of {layer} is not that of its layer");
        }
        checked.indexes += 1;
    }
    let listed = Index::from_json(&fs::read(root.join("index.json")).unwrap()).unwrap();
    for tag in store.refs().list().unwrap() {
        let read = |digest: &Digest| fs::read(store.blob_path(digest)).ok();
        let images = if tag.descriptor.media_type.is_index() {
            Index::from_json(&read(&tag.descriptor.digest).unwrap()).unwrap().manifests
        } else {
            vec![tag.descriptor.clone()]
        };
        let wrong: Vec<String> = images.iter().flat_map(|image| validate(image, &read)).collect();
        assert_eq!(wrong, Vec::<String>::new(), "{}", tag.reference);
        assert!(
            listed.manifests.iter().any(|listed| listed.digest == tag.descriptor.digest),
            "{} is not in index.json",
            tag.reference
        );
        checked.tags += 1;
    }
    checked
}

fn digest(path: &Path) -> Digest {
    let (mut file, mut hasher, mut buffer) = (fs::File::open(path).unwrap(), Hasher::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => return hasher.finish(),
            read => hasher.update(&buffer[..read]),
        }
    }
}
