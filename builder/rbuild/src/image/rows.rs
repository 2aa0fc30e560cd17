//! The lines of an image's history, each with the layer it left and the id of the image that ends there.

use super::StoredImage;
use crate::error::Result;
use rbuild_oci::{ChainId, DiffId, Digest, History, ImageConfig, ImageId, to_canonical_json};
use rbuild_store::Store;

/// A line of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The image that ends here.
    pub id: ImageId,
    /// The line as the configuration has it.
    pub history: History,
    /// The layer that the step left, if it left one.
    pub layer: Option<DiffId>,
    /// The stack of layers up to here; none while there is none.
    pub chain: Option<ChainId>,
}

/// An image that ends at an earlier line than the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// Its id.
    pub id: ImageId,
    /// Its configuration.
    pub config_bytes: Vec<u8>,
}

/// The lines of an image, oldest first. The ids are those that were kept when the image came to be; where none were,
/// those of [`earlier`].
pub fn rows(store: &Store, image: &StoredImage) -> Result<Vec<Row>> {
    let lines = lines(&image.config);
    let kept = store.history().get(&image.id)?.filter(|ids| ids.len() == lines.len());
    let ids = match kept {
        Some(ids) => ids,
        None => earlier(&image.config)?.iter().map(|earlier| earlier.id).chain([image.id]).collect(),
    };
    let diff_ids = &image.config.rootfs.diff_ids;
    let mut below = 0;
    let row = |(line, id): (Line, ImageId)| {
        let layer = (line.layers > below).then(|| diff_ids.get(line.layers - 1).copied()).flatten();
        below = line.layers;
        Row { id, history: line.entry, layer, chain: ChainId::of_layers(&diff_ids[..line.layers]) }
    };
    Ok(lines.into_iter().zip(ids).map(row).collect())
}

/// The images that end at each line but the last, oldest first: the configuration with the lines and layers up to
/// there. What a container started with at that line is not written down in an image, so it is that of the last.
pub fn earlier(config: &ImageConfig) -> Result<Vec<Earlier>> {
    let lines = lines(config);
    let image = |count: usize| -> Result<Earlier> {
        let config = ImageConfig {
            created: lines[..count].iter().filter_map(|line| line.entry.created).max(),
            rootfs: rbuild_oci::RootFs {
                diff_ids: config.rootfs.diff_ids[..lines[count - 1].layers].to_vec(),
                ..config.rootfs.clone()
            },
            history: lines[..count].iter().map(|line| line.entry.clone()).collect(),
            ..config.clone()
        };
        let config_bytes = to_canonical_json(&config)?;
        Ok(Earlier { id: ImageId(Digest::of(&config_bytes)), config_bytes })
    };
    (1..lines.len()).map(image).collect()
}

/// A line, and how many layers there are up to and with it.
struct Line {
    entry: History,
    layers: usize,
}

/// The lines of a configuration. Where they tell of fewer layers than there are, lines for the others are added; where
/// they tell of more, they cannot be believed and each layer gets a line.
fn lines(config: &ImageConfig) -> Vec<Line> {
    let layers = config.rootfs.diff_ids.len();
    let told = config.history.iter().filter(|entry| !entry.empty_layer).count();
    let mut so_far = 0;
    let mut lines = Vec::new();
    for entry in config.history.iter().filter(|_| told <= layers) {
        so_far += usize::from(!entry.empty_layer);
        lines.push(Line { entry: entry.clone(), layers: so_far });
    }
    for number in so_far..layers {
        let entry = History { comment: "layer without a history".to_owned(), ..History::default() };
        lines.push(Line { entry, layers: number + 1 });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(layers: usize, history: &[bool]) -> ImageConfig {
        let mut config = ImageConfig::default();
        config.rootfs.diff_ids = (0..layers).map(|number| DiffId(Digest::of(&[number as u8]))).collect();
        config.history = history.iter().map(|empty| History { empty_layer: *empty, ..History::default() }).collect();
        config
    }

    #[test]
    fn lines_account_for_every_layer() {
        for (layers, history, expected) in [
            (2, &[false, true, false, true][..], &[1, 1, 2, 2][..]),
            (2, &[], &[1, 2]),
            (2, &[true, false], &[0, 1, 2]),
            (1, &[false, false], &[1]),
            (0, &[true], &[0]),
        ] {
            let counts: Vec<usize> = lines(&config(layers, history)).iter().map(|line| line.layers).collect();
            assert_eq!(counts, expected, "{layers} {history:?}");
        }
    }

    #[test]
    fn earlier_images_have_what_was_there() {
        let earlier = earlier(&config(2, &[false, true, false])).unwrap();
        let read: Vec<ImageConfig> =
            earlier.iter().map(|image| ImageConfig::from_json(&image.config_bytes).unwrap()).collect();
        let shape: Vec<(usize, usize)> =
            read.iter().map(|config| (config.rootfs.diff_ids.len(), config.history.len())).collect();
        assert_eq!(shape, [(1, 1), (1, 2)]);
    }
}
