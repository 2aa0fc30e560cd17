//! The oracle of every test: whole images made from a seed, and a check that an image is consistent. Knows content by
//! digest through a closure, never a store.

use crate::{
    ChainId, Descriptor, DiffId, Digest, History, ImageConfig, Manifest, MediaType, Platform, RootFs, Timestamp,
    to_canonical_json,
};
use std::collections::BTreeMap;

/// An image and all its blobs by digest.
#[derive(Debug)]
pub struct TestImage {
    /// The manifest's descriptor.
    pub descriptor: Descriptor,
    /// Every blob: manifest, configuration, layers.
    pub blobs: BTreeMap<Digest, Vec<u8>>,
}

/// An image of `layers` small uncompressed layers whose bytes follow from `seed` alone.
pub fn random_image(seed: u64, layers: usize) -> TestImage {
    let mut blobs = BTreeMap::new();
    let mut put = |bytes: Vec<u8>, media_type: &str| {
        let descriptor = Descriptor::of(media_type, &bytes);
        blobs.insert(descriptor.digest, bytes);
        descriptor
    };
    let descriptors: Vec<Descriptor> =
        (0..layers).map(|number| put(tarball(seed, number), MediaType::OCI_LAYER)).collect();
    let config = ImageConfig {
        created: Some(Timestamp::from_seconds(1_700_000_000)),
        rootfs: RootFs {
            diff_ids: descriptors.iter().map(|layer| DiffId(layer.digest)).collect(),
            ..RootFs::default()
        },
        history: (0..layers)
            .map(|number| History { created_by: format!("layer {number}"), ..History::default() })
            .collect(),
        ..ImageConfig::scratch(&Platform::native())
    };
    let config = put(to_canonical_json(&config).unwrap_or_default(), MediaType::OCI_CONFIG);
    let manifest = to_canonical_json(&Manifest::oci(config, descriptors)).unwrap_or_default();
    let descriptor = put(manifest, MediaType::OCI_MANIFEST);
    TestImage { descriptor, blobs }
}

/// A tarball with one file of pseudo-random text, in plain ustar.
fn tarball(seed: u64, number: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(number as u64 + 1);
    let body: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        b'a' + ((state >> 33) % 26) as u8
    })
    .take(256)
    .collect();
    let mut header = [0_u8; 512];
    let mut field = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    field(0, &format!("file-{seed}-{number}"));
    field(100, "0000644\0");
    field(108, "0000000\0");
    field(116, "0000000\0");
    field(124, "00000000400\0");
    field(136, "14524770400\0");
    field(148, "        0ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    [header.to_vec(), body, vec![0; 256 + 1024]].concat()
}

/// Everything wrong with the image behind `manifest`: missing or altered blobs, wrong sizes, a history that does not
/// fit the layers, uncompressed layers whose digest is not their diff id. Empty means consistent.
pub fn validate(manifest: &Descriptor, read: &dyn Fn(&Digest) -> Option<Vec<u8>>) -> Vec<String> {
    let mut wrong = Vec::new();
    let Some(bytes) = fetch(manifest, read, &mut wrong) else { return wrong };
    let parsed = match Manifest::from_json(&bytes) {
        Ok(parsed) => parsed,
        Err(error) => return vec![error.to_string()],
    };
    let config = fetch(&parsed.config, read, &mut wrong).map(|bytes| ImageConfig::from_json(&bytes));
    for layer in &parsed.layers {
        fetch(layer, read, &mut wrong);
    }
    match config {
        Some(Ok(config)) => compare(&parsed, &config, &mut wrong),
        Some(Err(error)) => wrong.push(error.to_string()),
        None => {}
    }
    wrong
}

fn fetch(what: &Descriptor, read: &dyn Fn(&Digest) -> Option<Vec<u8>>, wrong: &mut Vec<String>) -> Option<Vec<u8>> {
    let Some(bytes) = read(&what.digest) else {
        wrong.push(format!("{} ({}) is missing", what.digest, what.media_type));
        return None;
    };
    if Digest::of(&bytes) != what.digest {
        wrong.push(format!("{} has other content", what.digest));
    }
    if bytes.len() as u64 != what.size {
        wrong.push(format!("{} has {} bytes, its descriptor says {}", what.digest, bytes.len(), what.size));
    }
    Some(bytes)
}

fn compare(manifest: &Manifest, config: &ImageConfig, wrong: &mut Vec<String>) {
    let diff_ids = &config.rootfs.diff_ids;
    if diff_ids.len() != manifest.layers.len() {
        wrong.push(format!("{} layers, {} diff ids", manifest.layers.len(), diff_ids.len()));
    }
    for (layer, diff_id) in manifest.layers.iter().zip(diff_ids) {
        if layer.media_type.as_str() == MediaType::OCI_LAYER && layer.digest != diff_id.0 {
            wrong.push(format!("layer {} has the diff id {diff_id}", layer.digest));
        }
    }
    let with_layer = config.history.iter().filter(|entry| !entry.empty_layer).count();
    if !config.history.is_empty() && with_layer != diff_ids.len() {
        wrong.push(format!("{with_layer} history entries with a layer, {} layers", diff_ids.len()));
    }
    if config.chain_id() != ChainId::of_layers(diff_ids) {
        wrong.push("the chain id does not follow from the diff ids".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_image_is_valid_and_follows_from_its_seed() {
        let image = random_image(7, 3);
        assert_eq!(validate(&image.descriptor, &|digest| image.blobs.get(digest).cloned()), Vec::<String>::new());
        assert_eq!(random_image(7, 3).descriptor, image.descriptor);
        assert_ne!(random_image(8, 3).descriptor, image.descriptor);
    }

    #[test]
    fn every_kind_of_damage_is_named() {
        let image = random_image(1, 2);
        for digest in image.blobs.keys() {
            let read = |asked: &Digest| (asked != digest).then(|| image.blobs[asked].clone());
            assert!(validate(&image.descriptor, &read).iter().any(|line| line.contains("missing")));
            let flip = |asked: &Digest| {
                let mut bytes = image.blobs[asked].clone();
                if asked == digest {
                    bytes.push(b' ');
                }
                Some(bytes)
            };
            assert!(!validate(&image.descriptor, &flip).is_empty());
        }
    }
}
