//! `rbuild manifest inspect`: a manifest or a list as it is written, of the store or of a registry.

use crate::args::Endpoint;
use crate::error::{Error, Result};
use crate::image;
use crate::import::{Blobs, Local, Outside, Part, Ways, required_document};
use clap::Args;
use rbuild_oci::{Descriptor, Index, Platform, Reference};
use rbuild_store::Store;
use serde_json::{Value, json};
use std::sync::Arc;

/// What to show.
#[derive(Args, Clone, Debug)]
pub struct InspectArgs {
    /// Image or list, by name or id: that of the store, else that of the registry
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Show what each entry of a list is, too: its descriptor and its manifest
    #[arg(short, long)]
    pub verbose: bool,
}

/// The text to print.
pub fn inspect(args: &InspectArgs, store: &Store, ways: &Ways<'_>) -> Result<String> {
    let outside = find(&args.name, store, ways)?;
    let target = outside.part(&Part::All)?;
    let value = if args.verbose { verbose(args, &*outside.blobs, &target)? } else { raw(&*outside.blobs, &target)? };
    let text = serde_json::to_string_pretty(&value);
    text.map(|text| text + "\n").map_err(|source| rbuild_oci::Error::Json { what: "document", source }.into())
}

fn find(name: &str, store: &Store, ways: &Ways<'_>) -> Result<Outside> {
    match (image::target(store, name), name.parse::<Reference>()) {
        (Ok((target, _)), _) => Ok(Outside { blobs: Arc::new(Local::new(store)), targets: vec![target] }),
        (Err(Error::NotFound { .. }), Ok(reference)) => ways.find(&Endpoint::Registry(reference)),
        (Err(error), _) => Err(error),
    }
}

fn raw(blobs: &dyn Blobs, document: &Descriptor) -> Result<Value> {
    let bytes = required_document(blobs, document)?;
    serde_json::from_slice(&bytes).map_err(|source| rbuild_oci::Error::Json { what: "document", source }.into())
}

/// As docker writes it: a list of images, or the only one.
fn verbose(args: &InspectArgs, blobs: &dyn Blobs, target: &Descriptor) -> Result<Value> {
    if !target.media_type.is_index() {
        return image(args, blobs, target);
    }
    let entries = Index::from_json(&required_document(blobs, target)?)?.manifests;
    entries.iter().map(|entry| image(args, blobs, entry)).collect()
}

fn image(args: &InspectArgs, blobs: &dyn Blobs, entry: &Descriptor) -> Result<Value> {
    let name = args.name.parse::<Reference>().map_or_else(|_| args.name.clone(), |name| name.full_name());
    let platform = entry.platform.as_ref().map(Platform::to_string);
    let manifest = if entry.media_type.as_str().contains(".docker.") { "SchemaV2Manifest" } else { "OCIManifest" };
    Ok(json!({
        "Ref": format!("{name}@{}", entry.digest),
        "Descriptor": entry,
        "Platform": platform,
        manifest: raw(blobs, entry)?,
    }))
}
