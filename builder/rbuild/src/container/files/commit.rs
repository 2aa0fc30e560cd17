//! A container made an image: what it changed becomes one more layer, what it was started with the configuration.

use super::layer::{Layer, settled};
use super::still::while_still;
use crate::change::changed;
use crate::container::model::Config;
use crate::container::shelf::{Containers, Entry};
use crate::container::show::{env, words};
use crate::ctx::Ctx;
use crate::error::Result;
use crate::image::{self, StoredImage};
use rbuild_oci::{
    ContainerConfig, Descriptor, History, ImageConfig, ImageId, Manifest, MediaType, Reference, Timestamp,
    to_canonical_json,
};
use rbuild_store::Landed;
use rbuild_store::layer::LayerRef;
use rbuild_store::snapshot::pack;

/// What is asked of the image.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// Its name; one without has its id only.
    pub name: Option<Reference>,
    /// Who made it.
    pub author: String,
    /// The comment in its history.
    pub message: String,
    /// Whether the container stands still while its files are read.
    pub pause: bool,
    /// Dockerfile instructions that change its configuration.
    pub changes: Vec<String>,
}

/// Makes the image and gives its id. Nothing of volumes or other mounts is in it.
pub fn commit(ctx: Ctx<'_>, entry: &Entry, wanted: &Commit) -> Result<ImageId> {
    Containers::new(ctx.store).refuse_torn(entry)?;
    let config = &entry.config;
    let base = image::find(ctx.store, &config.image.id.to_string(), None)?;
    let of_container = container_config(config, &base.config.config);
    let changed = changed(&wanted.changes, Some(&ImageConfig { config: of_container, ..base.config.clone() }))?;
    let layer = if wanted.pause { while_still(entry, || layer(ctx, config))? } else { layer(ctx, config)? };
    let now = ctx.clock.now();
    let (mut ids, lines): (Vec<_>, Vec<_>) =
        image::rows(ctx.store, &base)?.into_iter().map(|row| (row.id, row.history)).unzip();
    let lines = [lines, vec![line(config, wanted, layer.is_none(), now)]].concat();
    let image = image(&base, changed, layer.as_ref(), lines)?;
    ids.push(image.id);
    ctx.store.put_document(&to_canonical_json(&image.config)?)?;
    ctx.store.history().put(&image.id, &ids)?;
    image.settle(ctx.store)?;
    if let Some(name) = &wanted.name {
        ctx.store.refs().set(&[(name.clone(), image.descriptor.clone())], now)?;
    }
    Ok(image.id)
}

/// What the container wrote, in the store; none if that is nothing.
fn layer(ctx: Ctx<'_>, config: &Config) -> Result<Option<LayerRef>> {
    let layer = Layer::open(ctx, config)?;
    let Some(draft) = &layer.draft else { return Ok(None) };
    settled(|| {
        let entries = layer.changes(ctx, config)?;
        if entries.is_empty() {
            return Ok(None);
        }
        let layers = ctx.store.layers();
        let Landed { layer, .. } = layers.land(pack(draft, entries, layers.writer(None, ctx.cancel)?)?)?;
        Ok(Some(layer))
    })
}

/// What the container was started with, where the image has a say in it.
fn container_config(config: &Config, image: &ContainerConfig) -> ContainerConfig {
    let (entrypoint, cmd) = words(config);
    ContainerConfig {
        user: config.user.clone(),
        env: env(config),
        entrypoint: entrypoint.map(<[String]>::to_vec),
        cmd: cmd.map(<[String]>::to_vec),
        working_dir: if config.cwd == "/" { image.working_dir.clone() } else { config.cwd.clone() },
        labels: config.labels.clone(),
        stop_signal: config.stop_signal.clone(),
        ..image.clone()
    }
}

fn line(config: &Config, wanted: &Commit, empty_layer: bool, now: Timestamp) -> History {
    History {
        created: Some(now),
        author: wanted.author.clone(),
        created_by: config.argv.join(" "),
        comment: wanted.message.clone(),
        empty_layer,
    }
}

/// The base with one more layer, if there is one, and these lines of history, the last of which is the container's.
fn image(
    base: &StoredImage,
    config: ContainerConfig,
    layer: Option<&LayerRef>,
    history: Vec<History>,
) -> Result<StoredImage> {
    let (created, author) = history.last().map(|line| (line.created, line.author.clone())).unwrap_or_default();
    let mut image = ImageConfig { created, author, config, history, ..base.config.clone() };
    let mut layers = base.manifest.layers.clone();
    if let Some(layer) = layer {
        image.rootfs.diff_ids.push(layer.diff_id);
        layers.push(Descriptor::new(MediaType::OCI_LAYER, layer.diff_id.0, layer.size.unwrap_or_default()));
    }
    let config_bytes = to_canonical_json(&image)?;
    let config = Descriptor::of(MediaType::OCI_CONFIG, &config_bytes);
    let id = ImageId(config.digest);
    let manifest = Manifest::oci(config, layers);
    let descriptor = Descriptor::of(MediaType::OCI_MANIFEST, &to_canonical_json(&manifest)?);
    Ok(StoredImage { id, target: descriptor.clone(), descriptor, manifest, config: image })
}
