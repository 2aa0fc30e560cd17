//! `--metadata-file`: what came out of a build, under the keys that buildx has for it. Knows no step.

use crate::build::Built;
use crate::error::{Error, Result};
use crate::explain::REFERENCE;
use crate::request::BuildRequest;
use rbuild_oci::Reference;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Writes the file of the build with that id.
pub(crate) fn write(path: &Path, (build, request): (&str, &BuildRequest), built: &Built) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(&Value::Object(fields(build, request, built)))
        .map_err(|source| rbuild_oci::Error::Json { what: "metadata", source })?;
    text.push(b'\n');
    std::fs::write(path, text).map_err(Error::io("write", path.display()))
}

/// The image is the last that an output wrote, as with buildx; the store's own where none wrote one.
fn fields(build: &str, request: &BuildRequest, built: &Built) -> Map<String, Value> {
    let target = built.exported.as_ref().unwrap_or(&built.top);
    let named = request.outputs.iter().rev().map(|output| &output.names).find(|names| !names.is_empty());
    let names: Vec<String> = named.unwrap_or(&request.tags).iter().map(Reference::to_string).collect();
    let mut fields = Map::new();
    fields.insert("buildx.build.ref".to_owned(), json!(format!("{REFERENCE}{build}")));
    if let ([(image, _)], false) = (&built.images[..], request.is_index) {
        fields.insert("containerimage.config.digest".to_owned(), json!(image.id.0));
    }
    fields.insert("containerimage.descriptor".to_owned(), json!(target));
    fields.insert("containerimage.digest".to_owned(), json!(target.digest));
    if !names.is_empty() {
        fields.insert("image.name".to_owned(), json!(names.join(",")));
    }
    fields
}
