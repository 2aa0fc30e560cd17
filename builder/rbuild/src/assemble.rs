//! PURE. A solved graph's layers and a target's configuration made into an image: configuration, manifest, and the id of
//! the image that ends at each line of history.

use crate::error::Result;
use crate::request::{Annotated, Notes};
use crate::solve::Made;
use crate::stack::Storey;
use rbuild_graph::{Origin, Row, Target, VertexId};
use rbuild_oci::{
    Descriptor, DiffId, Digest, History, ImageConfig, ImageId, Manifest, MediaType, RootFs, Timestamp,
    to_canonical_json,
};
use rbuild_records::depot::{Documents, embed};
use std::sync::Arc;

/// An image for one platform, with its bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// Its id: the digest of the configuration.
    pub id: ImageId,
    /// The manifest's descriptor, its platform included.
    pub manifest: Descriptor,
    /// The manifest.
    pub manifest_bytes: Vec<u8>,
    /// The configuration.
    pub config: ImageConfig,
    /// The configuration's bytes.
    pub config_bytes: Vec<u8>,
    lines: Vec<Line>,
}

/// An image that ends at an earlier line of history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// Its id.
    pub id: ImageId,
    /// Its configuration's bytes.
    pub config_bytes: Vec<u8>,
}

/// What became of a vertex, by its id.
pub type Outcomes<'a> = dyn Fn(VertexId) -> Option<Made> + 'a;

/// The image of a target whose files are `storeys`.
///
/// Times are BuildKit's: a line with a layer has that of its step; one without has that of the line before, or, where
/// no step came before it, of the first step after it; without any step, that of the base. Only where that has none
/// either, it is `time`. The image is as old as its last line.
pub fn assemble(target: &Target, storeys: &[Arc<Storey>], outcomes: &Outcomes<'_>, time: Timestamp) -> Result<Image> {
    let lines = lines(target, &target.history, storeys.len(), outcomes, time);
    let diff_ids: Vec<DiffId> = storeys.iter().map(|storey| storey.layer.diff_id).collect();
    let config = match &lines[..] {
        [] => ImageConfig { created: Some(time), ..target.config.clone() },
        lines => ending_at(lines, &target.config, &diff_ids),
    };
    let config_bytes = to_canonical_json(&config)?;
    let (manifest, manifest_bytes) = manifest(&config_bytes, storeys)?;
    let manifest = Descriptor { platform: Some(target.platform.clone()), ..manifest };
    Ok(Image { id: ImageId(Digest::of(&config_bytes)), manifest, manifest_bytes, config, config_bytes, lines })
}

/// The configuration of the image that ends with the first `count` lines of a target's history, whose files are
/// `storeys`: what the whole image has at that line. None where there is no line.
pub fn ending_with(
    target: &Target,
    count: usize,
    storeys: &[Arc<Storey>],
    outcomes: &Outcomes<'_>,
) -> Result<Option<Earlier>> {
    let rows = target.history.get(..count).unwrap_or(&target.history);
    let lines = lines(target, rows, storeys.len(), outcomes, Timestamp::default());
    let Some(last) = lines.last() else { return Ok(None) };
    let diff_ids: Vec<DiffId> = storeys.iter().map(|storey| storey.layer.diff_id).collect();
    let whole = rows.len() == target.history.len();
    let container = if whole { target.config.config.clone() } else { (*last.container).clone() };
    let config = ImageConfig { config: container, ..target.config.clone() };
    let config_bytes = to_canonical_json(&ending_at(&lines, &config, &diff_ids))?;
    Ok(Some(Earlier { id: ImageId(Digest::of(&config_bytes)), config_bytes }))
}

impl Image {
    /// The image with documents of the build cache in its configuration. The images that end at its earlier lines carry
    /// none.
    pub fn carrying(self, documents: &Documents, storeys: &[Arc<Storey>]) -> Result<Self> {
        if documents.is_empty() {
            return Ok(self);
        }
        let config_bytes = embed(&self.config_bytes, documents)
            .map_err(|source| rbuild_oci::Error::Json { what: "image configuration", source })?;
        let (manifest, manifest_bytes) = manifest(&config_bytes, storeys)?;
        let manifest = Descriptor { platform: self.manifest.platform.clone(), ..manifest };
        Ok(Self { id: ImageId(Digest::of(&config_bytes)), manifest, manifest_bytes, config_bytes, ..self })
    }

    /// The image with annotations.
    pub fn annotated(mut self, notes: &Notes) -> Result<Self> {
        let platform = self.manifest.platform.clone();
        let annotations = notes.of(Annotated::Manifest, platform.as_ref());
        if !annotations.is_empty() {
            let manifest = Manifest { annotations, ..Manifest::from_json(&self.manifest_bytes)? };
            self.manifest_bytes = to_canonical_json(&manifest)?;
            self.manifest = Descriptor::of(MediaType::OCI_MANIFEST, &self.manifest_bytes);
        }
        self.manifest.annotations = notes.of(Annotated::ManifestDescriptor, platform.as_ref());
        self.manifest.platform = platform;
        Ok(self)
    }

    /// The images that end at each line of history but the last, oldest first. Each holds all lines before it, so this
    /// costs the square of their number: ask only for what is not kept yet, and keep none while the next is made.
    pub fn earlier(&self) -> impl Iterator<Item = Result<Earlier>> + '_ {
        (1..self.lines.len()).map(|count| {
            let container = ImageConfig { config: (*self.lines[count - 1].container).clone(), ..self.config.clone() };
            let config_bytes =
                to_canonical_json(&ending_at(&self.lines[..count], &container, &self.config.rootfs.diff_ids))?;
            Ok(Earlier { id: ImageId(Digest::of(&config_bytes)), config_bytes })
        })
    }
}

/// A configuration with the history and the layers up to the last of these lines.
fn ending_at(lines: &[Line], config: &ImageConfig, diff_ids: &[DiffId]) -> ImageConfig {
    let layers = lines.last().map_or(0, |line| line.layers).min(diff_ids.len());
    ImageConfig {
        created: lines.iter().rev().find_map(|line| line.entry.created),
        rootfs: RootFs { diff_ids: diff_ids[..layers].to_vec(), ..RootFs::default() },
        history: lines.iter().map(|line| line.entry.clone()).collect(),
        ..config.clone()
    }
}

/// The manifest of a configuration on uncompressed layers; of those that never were here it names what holds them.
pub fn manifest(config_bytes: &[u8], storeys: &[Arc<Storey>]) -> Result<(Descriptor, Vec<u8>)> {
    let layer = |storey: &Arc<Storey>| storey.layer.descriptor();
    let config = Descriptor::of(MediaType::OCI_CONFIG, config_bytes);
    let bytes = to_canonical_json(&Manifest::oci(config, storeys.iter().map(layer).collect()))?;
    Ok((Descriptor::of(MediaType::OCI_MANIFEST, &bytes), bytes))
}

/// One line of the finished history.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    entry: History,
    /// How many layers the image that ends here has.
    layers: usize,
    /// What a container of that image starts with.
    container: Arc<rbuild_oci::ContainerConfig>,
}

fn lines(target: &Target, rows: &[Row], layers: usize, outcomes: &Outcomes<'_>, time: Timestamp) -> Vec<Line> {
    let made = |row: &Row| match row.origin {
        Origin::Layer(vertex) => outcomes(vertex),
        Origin::Base | Origin::Config => None,
    };
    let own: usize = rows.iter().filter_map(&made).map(|made| made.layers).sum();
    let mut lines = base_lines(target, rows, layers.saturating_sub(own));
    let mut so_far = layers.saturating_sub(own);
    let mut latest = first_time(rows, &made, &lines);
    for row in rows.iter().filter(|row| row.origin != Origin::Base) {
        let made = made(row);
        so_far += made.as_ref().map_or(0, |made| made.layers);
        latest = made.as_ref().and_then(|made| made.created).or(latest);
        let entry = History {
            created: row.entry.created.or(latest).or(Some(time)),
            empty_layer: made.is_none_or(|made| made.layers == 0),
            ..row.entry.clone()
        };
        lines.push(Line { entry, layers: so_far, container: row.config.clone() });
    }
    lines
}

/// The time of lines before the first step: that of the step, or of the base where there is none.
fn first_time(rows: &[Row], made: &dyn Fn(&Row) -> Option<Made>, base: &[Line]) -> Option<Timestamp> {
    let mut steps = rows.iter().filter_map(made).filter(|made| made.layers > 0);
    let first = steps.find_map(|made| made.created);
    first.or_else(|| base.iter().rev().find_map(|line| line.entry.created))
}

/// The history of the base as it is; where it does not account for the base's layers, a line for each of those.
fn base_lines(target: &Target, rows: &[Row], layers: usize) -> Vec<Line> {
    let rows: Vec<&Row> = rows.iter().filter(|row| row.origin == Origin::Base).collect();
    let told = rows.iter().filter(|row| !row.entry.empty_layer).count();
    let mut lines: Vec<Line> = Vec::new();
    let mut so_far = 0;
    for row in &rows {
        so_far += usize::from(!row.entry.empty_layer && so_far < layers);
        let entry = History { empty_layer: row.entry.empty_layer || told > layers, ..row.entry.clone() };
        lines.push(Line { entry, layers: so_far, container: row.config.clone() });
    }
    if told > layers {
        lines.clear();
    }
    let missing = layers - lines.last().map_or(0, |line| line.layers);
    let container = rows.last().map_or_else(|| Arc::new(target.config.config.clone()), |row| row.config.clone());
    for number in layers - missing..layers {
        let entry = History { comment: "layer without a history".to_owned(), ..History::default() };
        lines.push(Line { entry, layers: number + 1, container: container.clone() });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use rbuild_oci::Platform;
    use rbuild_store::layer::LayerRef;

    fn storey(name: &str) -> Arc<Storey> {
        let diff_id = DiffId(Digest::of(name.as_bytes()));
        let layer = LayerRef::stored(diff_id, 10);
        Arc::new(Storey { layer, chain: rbuild_oci::ChainId(diff_id.0) })
    }

    fn row(created_by: &str, origin: Origin) -> Row {
        let entry = History { created_by: created_by.to_owned(), ..History::default() };
        Row { entry, origin, config: Arc::default() }
    }

    fn target(history: Vec<Row>) -> Target {
        let platform = Platform::new("linux", "amd64");
        let (stage, parameters) = (String::new(), rbuild_graph::Parameters::default());
        Target { config: ImageConfig::scratch(&platform), platform, stage, result: None, history, parameters }
    }

    const TIME: Timestamp = Timestamp::from_seconds(1000);

    #[test]
    fn steps_that_change_nothing_have_no_layer_and_times_are_buildkits() {
        let rows = vec![
            row("base", Origin::Base),
            row("ENV", Origin::Config),
            row("RUN a", Origin::Layer(VertexId(1))),
            row("CMD", Origin::Config),
            row("RUN b", Origin::Layer(VertexId(2))),
        ];
        let outcomes = |id: VertexId| {
            let layers = usize::from(id.0 == 1);
            Some(Made { layers, created: Some(Timestamp::from_seconds(2000 + i64::from(id.0))) })
        };
        let image = assemble(&target(rows), &[storey("base"), storey("a")], &outcomes, TIME).unwrap();
        let seen: Vec<(bool, i64)> =
            image.config.history[1..].iter().map(|line| (line.empty_layer, line.created.unwrap().seconds)).collect();
        assert_eq!(seen, [(true, 2001), (false, 2001), (true, 2001), (true, 2002)]);
        assert_eq!(image.config.created, Some(Timestamp::from_seconds(2002)));
        let earlier = image.earlier().collect::<Result<Vec<_>>>().unwrap();
        assert_eq!(earlier.len(), 4);
        let after_run = ImageConfig::from_json(&earlier[2].config_bytes).unwrap();
        assert_eq!((after_run.rootfs.diff_ids.len(), after_run.history.len()), (2, 3));
    }

    #[test]
    fn without_a_step_lines_are_as_old_as_the_base() {
        let at = |seconds| Some(Timestamp::from_seconds(seconds));
        let old = |name: &str, created| {
            let row = row(name, Origin::Base);
            Row { entry: History { created, ..row.entry }, ..row }
        };
        for (base, expected) in [(vec![old("a", at(9)), old("b", at(7))], 7), (vec![old("a", None)], TIME.seconds)] {
            let rows = base.into_iter().chain([row("CMD", Origin::Config)]).collect();
            let image = assemble(&target(rows), &[storey("a"), storey("b")], &|_| None, TIME).unwrap();
            assert_eq!(image.config.created, at(expected), "that of the last line, whatever others have");
        }
    }

    #[test]
    fn an_image_is_as_old_as_its_last_line_however_young_its_base_is() {
        let mut rows = vec![row("base", Origin::Base), row("ENV", Origin::Config)];
        rows[0].entry.created = Some(Timestamp::from_seconds(5000));
        rows[1].entry.created = Some(Timestamp::from_seconds(10));
        let image = assemble(&target(rows), &[storey("base")], &|_| None, TIME).unwrap();
        assert_eq!(image.config.created, Some(Timestamp::from_seconds(10)));
    }

    #[test]
    fn a_base_without_history_gets_a_line_for_each_layer() {
        let rows = vec![row("CMD", Origin::Config)];
        let image = assemble(&target(rows), &[storey("a"), storey("b")], &|_| None, TIME).unwrap();
        let with_layer = image.config.history.iter().filter(|line| !line.empty_layer).count();
        assert_eq!((image.config.history.len(), with_layer), (3, 2));
    }

    #[test]
    fn equal_input_gives_equal_bytes() {
        let make = || assemble(&target(vec![row("CMD", Origin::Config)]), &[storey("a")], &|_| None, TIME).unwrap();
        assert_eq!(make(), make());
    }
}
