//! The attributes of an output by BuildKit's names. Knows no file.

use super::{Others, Output, OutputKind, Times};
use rbuild_oci::Reference;

/// Why an attribute is refused.
type Refusal = String;

/// What images on their way out understand.
const IMAGE: [&str; 12] = [
    "dest",
    "name",
    "tar",
    "oci-mediatypes",
    "compression",
    "compression-level",
    "force-compression",
    "rewrite-timestamp",
    "annotation",
    "oci-artifact",
    "attestation-inline",
    "prefer-nondist-layers",
];

/// What an image of a registry understands besides what others do.
const REGISTRY: [&str; 7] =
    ["push", "push-by-digest", "registry.insecure", "name-canonical", "dangling-name-prefix", "unpack", "store"];

/// What files on their way out understand.
const FILES: [&str; 4] = ["dest", "platform-split", "mode", "attestation-prefix"];

/// Sets an attribute.
pub(super) fn set(output: &mut Output, key: &str, value: &str) -> Result<(), Refusal> {
    let name = key.to_ascii_lowercase();
    let base = name.split(['.', '[']).next().filter(|base| base.starts_with("annotation"));
    let known = known(output.kind);
    if !known.contains(&if base.is_some() { "annotation" } else { &name }) {
        return Err(unknown(output.kind, &name, &known));
    }
    match name.as_str() {
        "dest" => output.dest = value.into(),
        "name" => output.names = names(value)?,
        "tar" => output.tar = boolean(&name, value)?,
        "oci-mediatypes" => output.oci_media_types = boolean(&name, value)?,
        "compression" => output.compression = value.parse()?,
        "compression-level" => {
            let number = value.parse().map_err(|_| format!("compression-level {value:?} is not a number"))?;
            output.level = Some(number);
        }
        "force-compression" => output.force = boolean(&name, value)?,
        "rewrite-timestamp" => output.times = if boolean(&name, value)? { Times::Epoch } else { Times::Made },
        "platform-split" => output.split = Some(boolean(&name, value)?),
        "mode" => output.others = others(value)?,
        // They are about attestations and foreign layers, of which there are none, and about which images are kept: every
        // one is in the store, and in registries also under its digest; one without a name has its id.
        "oci-artifact" | "attestation-inline" | "prefer-nondist-layers" | "name-canonical" | "unpack" | "store" => {
            boolean(&name, value)?;
        }
        "attestation-prefix" | "dangling-name-prefix" => {}
        "push" => output.push = boolean(&name, value)?,
        "push-by-digest" => output.by_digest = boolean(&name, value)?,
        "registry.insecure" => output.insecure = boolean(&name, value)?,
        _ => output.notes.add_attribute(&key["annotation".len()..], value)?,
    }
    Ok(())
}

fn known(kind: OutputKind) -> Vec<&'static str> {
    match kind {
        OutputKind::Oci | OutputKind::Docker => IMAGE.to_vec(),
        OutputKind::Local => FILES.to_vec(),
        OutputKind::Tar => FILES.into_iter().filter(|name| *name != "mode").collect(),
        OutputKind::CacheOnly => Vec::new(),
        OutputKind::Image => {
            let of_files = ["dest", "tar"];
            REGISTRY.into_iter().chain(IMAGE.into_iter().filter(|name| !of_files.contains(name))).collect()
        }
    }
}

fn unknown(kind: OutputKind, name: &str, known: &[&str]) -> Refusal {
    let kind = OutputKind::ALL.iter().find(|(_, other)| *other == kind).map_or("", |(name, _)| name);
    if name == "source-date-epoch" {
        return "the time belongs to the whole build: use --build-arg SOURCE_DATE_EPOCH=SECONDS".to_owned();
    }
    if IMAGE.contains(&name) || FILES.contains(&name) || REGISTRY.contains(&name) {
        return format!("the attribute {name:?} is none of type={kind}");
    }
    let near = dockerfile_parser::did_you_mean(name, known.iter().copied());
    let near = dockerfile_parser::question(near);
    format!("the attribute {name:?} is not known{near}: type={kind} has {}", known.join(", "))
}

fn names(value: &str) -> Result<Vec<Reference>, Refusal> {
    let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(|name| name.parse().map_err(|error: rbuild_oci::Error| error.to_string())).collect()
}

fn others(text: &str) -> Result<Others, Refusal> {
    match text.trim().to_ascii_lowercase().as_str() {
        "" | "copy" => Ok(Others::Stay),
        "delete" => Ok(Others::Go),
        _ => Err(format!("mode {text:?} is not known: use copy or delete")),
    }
}

fn boolean(name: &str, text: &str) -> Result<bool, Refusal> {
    match text {
        "" | "true" | "1" | "t" | "T" | "TRUE" | "True" => Ok(true),
        "false" | "0" | "f" | "F" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("{name}={text:?} is neither true nor false")),
    }
}
