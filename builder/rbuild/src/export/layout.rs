//! What is in an OCI image layout of a product, as values: documents, blobs and their names. Writes nothing, and knows
//! neither tar nor directories.
//!
//! As BuildKit and containerd do it: a descriptor in `index.json` for each name of the image, with its whole name in one
//! annotation and its tag in another; several platforms are an index among the blobs.

use super::Product;
use crate::assemble::Image;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::request::{Annotated, Notes, Output};
use crate::send::{Blob, Packing, blobs, missing, named};
use crate::stack::Stack;
use rbuild_oci::{Descriptor, DiffId, Digest, Index, Manifest, MediaType, Reference, Timestamp, to_canonical_json};
use std::collections::BTreeMap;

const CREATED: &str = "org.opencontainers.image.created";

/// The content of an image layout.
#[derive(Debug)]
pub(super) struct Layout {
    /// Everything below `blobs/sha256`, by the name there.
    pub(super) blobs: BTreeMap<Digest, Blob>,
    /// The entries of `index.json`.
    pub(super) entries: Vec<Descriptor>,
    /// The manifests, one for each image of the product.
    pub(super) manifests: Vec<Manifest>,
    /// What the entries point at, under no name.
    pub(super) target: Descriptor,
}

impl Layout {
    /// The layout of a product; layers are compressed where they are not yet.
    pub(super) fn of(ctx: &Ctx<'_>, product: &Product<'_>, output: &Output) -> Result<Self> {
        let storeys: Vec<_> = product.images.iter().flat_map(|(_, stack)| stack.storeys()).map(AsRef::as_ref).collect();
        Self::with(&blobs(ctx, &storeys, Packing::of(output)?)?, product, output)
    }

    /// The layout of a product whose layers are these blobs.
    pub(super) fn with(layers: &BTreeMap<DiffId, Blob>, product: &Product<'_>, output: &Output) -> Result<Self> {
        let form = Form { types: Types::of(output), notes: product.notes.and(&output.notes) };
        let mut content = Content::default();
        let mut platforms = Vec::new();
        for (image, stack) in product.images {
            platforms.push(content.add_image(image, stack, layers, &form)?);
        }
        let mut target = match <[Descriptor; 1]>::try_from(platforms) {
            Ok([only]) if !product.is_index => only,
            Ok([only]) => content.add_index(vec![only], &form)?,
            Err(several) => content.add_index(several, &form)?,
        };
        let created = created(product).map(|time| time.to_string());
        created.map(|time| target.annotations.entry(CREATED.to_owned()).or_insert(time));
        let tags = if output.names.is_empty() { product.tags } else { &output.names };
        let entries = name(&target, tags);
        Ok(Self { blobs: content.blobs, entries, manifests: content.manifests, target })
    }
}

/// How documents are written.
struct Form {
    types: Types,
    notes: Notes,
}

/// Blobs as they come together.
#[derive(Default)]
struct Content {
    blobs: BTreeMap<Digest, Blob>,
    manifests: Vec<Manifest>,
}

impl Content {
    fn add(&mut self, blob: Blob) {
        self.blobs.insert(blob.descriptor.digest, blob);
    }

    /// Adds an image's manifest, configuration and layers.
    fn add_image(
        &mut self,
        image: &Image,
        stack: &Stack,
        layers: &BTreeMap<DiffId, Blob>,
        form: &Form,
    ) -> Result<Descriptor> {
        let (types, platform) = (form.types, image.manifest.platform.clone());
        let config = Blob::document(types.config(), image.config_bytes.clone());
        let mut manifest = Manifest::from_json(&image.manifest_bytes)?;
        manifest.media_type = Some(types.manifest().into());
        manifest.config = config.descriptor.clone();
        manifest.annotations.extend(form.notes.of(Annotated::Manifest, platform.as_ref()));
        manifest.layers.clear();
        for storey in stack.storeys() {
            let diff_id = storey.layer.diff_id;
            let blob = layers.get(&diff_id).ok_or_else(|| missing(&diff_id))?;
            let media_type = types.layer(&blob.descriptor.media_type);
            manifest.layers.push(Descriptor { media_type, ..blob.descriptor.clone() });
            self.add(blob.clone());
        }
        self.add(config);
        let blob = Blob::document(types.manifest(), to_canonical_json(&manifest)?);
        let annotations = form.notes.of(Annotated::ManifestDescriptor, platform.as_ref());
        let descriptor = Descriptor { platform, annotations, ..blob.descriptor.clone() };
        self.add(blob);
        self.manifests.push(manifest);
        Ok(descriptor)
    }

    fn add_index(&mut self, platforms: Vec<Descriptor>, form: &Form) -> Result<Descriptor> {
        let (media_type, annotations) = (form.types.index(), form.notes.of(Annotated::Index, None));
        let index = Index { media_type: Some(media_type.into()), annotations, ..Index::oci(platforms) };
        let blob = Blob::document(media_type, to_canonical_json(&index)?);
        let annotations = form.notes.of(Annotated::IndexDescriptor, None);
        let descriptor = Descriptor { annotations, ..blob.descriptor.clone() };
        self.add(blob);
        Ok(descriptor)
    }
}

/// When the product was made, in whole seconds.
fn created(product: &Product<'_>) -> Option<Timestamp> {
    let latest = product.images.iter().filter_map(|(image, _)| image.config.created).max()?;
    Some(Timestamp::from_seconds(latest.seconds))
}

/// The descriptor under each of its names; as it is without any.
fn name(target: &Descriptor, tags: &[Reference]) -> Vec<Descriptor> {
    if tags.is_empty() {
        return vec![target.clone()];
    }
    tags.iter().map(|tag| named(target, tag)).collect()
}

/// Whose media types documents have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Types {
    Oci,
    Docker,
}

impl Types {
    const fn of(output: &Output) -> Self {
        if output.oci_media_types { Self::Oci } else { Self::Docker }
    }

    const fn manifest(self) -> &'static str {
        match self {
            Self::Oci => MediaType::OCI_MANIFEST,
            Self::Docker => MediaType::DOCKER_MANIFEST,
        }
    }

    const fn index(self) -> &'static str {
        match self {
            Self::Oci => MediaType::OCI_INDEX,
            Self::Docker => MediaType::DOCKER_INDEX,
        }
    }

    const fn config(self) -> &'static str {
        match self {
            Self::Oci => MediaType::OCI_CONFIG,
            Self::Docker => MediaType::DOCKER_CONFIG,
        }
    }

    /// The media type of a layer that has OCI's.
    fn layer(self, oci: &MediaType) -> MediaType {
        match (self, oci.as_str()) {
            (Self::Docker, MediaType::OCI_LAYER) => MediaType::DOCKER_LAYER.into(),
            (Self::Docker, MediaType::OCI_LAYER_GZIP) => MediaType::DOCKER_LAYER_GZIP.into(),
            _ => oci.clone(),
        }
    }
}
