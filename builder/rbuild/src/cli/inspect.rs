//! `rbuild inspect`: everything about a container, an image or a volume, in docker's JSON.

use super::globals::{Globals, Standing, volumes};
use super::ground::Ground;
use super::out::{familiar, format_error, print};
use super::{inspect_container, volume};
use crate::ctx::{Ctx, Place};
use crate::error::{Error, Result};
use crate::image::{self, Sizes};
use crate::render::Template;
use clap::Args;
use rbuild_oci::{Cancel, ChainId, ContainerConfig, DiffId, Platform, Reference};
use rbuild_store::snapshot::Home;
use rbuild_store::{Bucket, Store, Tag, if_there};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::process::ExitCode;

/// Show everything about containers, images or volumes
#[derive(Args, Clone, Debug, Default)]
pub struct InspectArgs {
    /// Containers, images or volumes, by name or id
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// `json` or a Go template
    #[arg(short, long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Platform of the images, `os/arch[/variant]`
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,
    /// Also show how large containers are
    #[arg(short, long)]
    pub size: bool,
    /// Only things of this kind
    #[arg(long = "type", value_name = "KIND")]
    pub kind: Option<Kind>,
}

/// What there is to inspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Containers.
    Container,
    /// Images.
    Image,
    /// Volumes.
    Volume,
}

/// Prints what is found, also where something else is missing.
pub fn run(args: &InspectArgs, globals: &Globals) -> Result<ExitCode> {
    let store = globals.store()?;
    if !args.size {
        return show(args, &store, None);
    }
    let standing = Standing::find()?;
    if standing.place == Place::Outside {
        return standing.start_again(store.root(), None);
    }
    let ground = Ground::new(globals, store, standing, Cancel::new())?;
    show(args, &ground.store, Some(ground.ctx()))
}

/// The same of things of one kind, whatever the arguments say.
pub fn run_as(args: &InspectArgs, globals: &Globals, kind: Kind) -> Result<ExitCode> {
    run(&InspectArgs { kind: Some(kind), ..args.clone() }, globals)
}

fn show(args: &InspectArgs, store: &Store, sizes: Option<Ctx<'_>>) -> Result<ExitCode> {
    let platform = args.platform.as_deref().map(str::parse::<Platform>).transpose()?;
    let (mut values, mut failed) = (Vec::new(), None);
    for name in &args.names {
        let found = match args.kind {
            Some(Kind::Container) => inspect_container::value(store, name, sizes),
            Some(Kind::Image) => value(store, name, platform.as_ref()),
            Some(Kind::Volume) => volume_value(store, name),
            None => anything(store, name, platform.as_ref(), sizes),
        };
        match found {
            Ok(value) => values.push(value),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    print(&text(&values, args.format.as_deref())?)?;
    failed.map_or(Ok(ExitCode::SUCCESS), Err)
}

/// What is called so: a container, else an image, else a volume.
fn anything(store: &Store, name: &str, platform: Option<&Platform>, sizes: Option<Ctx<'_>>) -> Result<Value> {
    match inspect_container::value(store, name, sizes) {
        Err(Error::NoContainer { .. }) => {}
        other => return other,
    }
    match value(store, name, platform) {
        Err(error @ (Error::NotFound { .. } | Error::Oci(_))) => match volume_value(store, name) {
            Ok(value) => Ok(value),
            Err(_) => Err(error),
        },
        other => other,
    }
}

fn volume_value(store: &Store, name: &str) -> Result<Value> {
    volume::value(&volumes(store, &Cancel::new())?, name)
}

/// Objects as docker's `inspect` prints them: one array, or a line each through `format`.
pub fn text(values: &[Value], format: Option<&str>) -> Result<String> {
    match format.filter(|format| !format.is_empty()) {
        None => Ok(pretty(&Value::Array(values.to_vec()))? + "\n"),
        Some("json") => Ok(values.iter().map(|value| value.to_string() + "\n").collect()),
        Some(format) => {
            let template = Template::parse(format).map_err(|problem| format_error(&problem))?;
            let line = |value| Ok(template.render(value).map_err(|problem| format_error(&problem))? + "\n");
            values.iter().map(line).collect()
        }
    }
}

/// Everything about an image.
pub fn value(store: &Store, name: &str, platform: Option<&Platform>) -> Result<Value> {
    let image = image::find_for(store, name, platform)?;
    let tags = image::names(store, &image.id)?;
    let config = &image.config;
    let comment = config.history.last().map(|line| line.comment.as_str()).unwrap_or_default();
    let mut value = json!({
        "Id": image.id,
        "RepoTags": tags.iter().map(|tag| familiar(&tag.reference)).collect::<Vec<_>>(),
        "RepoDigests": digests(&tags)?,
        "Comment": comment,
        "Created": config.created,
        "Author": config.author,
        "Config": container(&config.config),
        "Architecture": config.architecture,
        "Variant": config.variant,
        "Os": config.os,
        "OsVersion": config.os_version,
        "Size": Sizes::new(store).image(&image)?,
        "GraphDriver": driver(store, &image.config.rootfs.diff_ids)?,
        "RootFS": { "Type": "layers", "Layers": config.rootfs.diff_ids },
        "Metadata": { "LastTagTime": tags.iter().map(|tag| tag.tagged).max() },
        "Descriptor": image.target,
    });
    if let Some(map) = value.as_object_mut() {
        for optional in ["Variant", "OsVersion"] {
            if map.get(optional) == Some(&Value::Null) {
                map.shift_remove(optional);
            }
        }
    }
    Ok(value)
}

/// The names with the digests that they stand for.
fn digests(tags: &[Tag]) -> Result<BTreeSet<String>> {
    let digest = |tag: &Tag| -> Result<String> {
        let reference: Reference = tag.reference.parse()?;
        Ok(format!("{}@{}", reference.familiar_name(), tag.descriptor.digest))
    };
    tags.iter().map(digest).collect()
}

/// A container's settings with every field that docker always prints, those that are not set as null or empty.
fn container(config: &ContainerConfig) -> Value {
    let set = serde_json::to_value(config).unwrap_or_default();
    let mut all = Map::new();
    for (field, empty) in [
        ("User", json!("")),
        ("ExposedPorts", Value::Null),
        ("Env", Value::Null),
        ("Cmd", Value::Null),
        ("Volumes", Value::Null),
        ("WorkingDir", json!("")),
        ("Entrypoint", Value::Null),
        ("OnBuild", Value::Null),
        ("Labels", Value::Null),
    ] {
        all.insert(field.to_owned(), empty);
    }
    all.extend(set.as_object().cloned().unwrap_or_default());
    Value::Object(all)
}

/// Where the files of a stack of layers lie unpacked, if they do.
pub(super) fn driver(store: &Store, diff_ids: &[DiffId]) -> Result<Value> {
    let chains: Vec<ChainId> = (1..=diff_ids.len()).filter_map(|end| ChainId::of_layers(&diff_ids[..end])).collect();
    let Some(top) = chains.last() else { return Ok(json!({ "Data": null, "Name": "" })) };
    for driver in ["overlay", "copy"] {
        for id_map in names(&store.dir(Bucket::Snapshots).join(driver))? {
            if !store.snapshots(driver, &id_map).join(top.hex()).join("fs").exists() {
                continue;
            }
            let home = Home::open(&store.dir(Bucket::Snapshots), driver, &id_map)?;
            let mut directories = Vec::new();
            for chain in chains.iter().rev() {
                directories.extend(home.directories(chain)?);
            }
            let Some((upper, lowers)) = directories.split_first() else { continue };
            let lower: Vec<String> = lowers.iter().map(|path| path.display().to_string()).collect();
            let data = match driver {
                "copy" => json!({ "Dir": upper }),
                _ if lower.is_empty() => json!({ "UpperDir": upper }),
                _ => json!({ "LowerDir": lower.join(":"), "UpperDir": upper }),
            };
            return Ok(json!({ "Data": data, "Name": driver }));
        }
    }
    Ok(json!({ "Data": null, "Name": "" }))
}

fn names(path: &std::path::Path) -> Result<Vec<String>> {
    let name = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let list = || -> std::io::Result<Vec<String>> { std::fs::read_dir(path)?.map(|entry| Ok(name(entry?))).collect() };
    Ok(if_there(list()).map_err(Error::io("list", path.display()))?.unwrap_or_default())
}

fn pretty(value: &Value) -> Result<String> {
    let mut bytes = Vec::new();
    let indent = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, indent);
    let shown = value.serialize(&mut serializer).map_err(std::io::Error::from);
    shown.map_err(Error::io("print", "the answer"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
