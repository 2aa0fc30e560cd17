//! `rbuild info`: the store, the storage driver and why it was chosen, and the machine, in docker's lines.

use super::globals::{self, Globals, Standing};
use super::out::{format_error, print};
use crate::container::{Containers, Status};
use crate::ctx::Place;
use crate::error::{Error, Result};
use crate::image;
use crate::render::{Template, align, human};
use clap::Args;
use rbuild_oci::Cancel;
use rbuild_runner::IdMap;
use rbuild_store::{Bucket, Store, Usage};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

/// Show the store, the storage driver and the machine
#[derive(Args, Clone, Debug, Default)]
pub struct InfoArgs {
    /// `json` or a Go template
    #[arg(short, long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Show what lies where in the store, and how large it is
    #[arg(long)]
    pub layout: bool,
}

/// Prints it. What steps can do is told from inside the user namespace that they run in.
pub fn run(args: &InfoArgs, globals: &Globals) -> Result<ExitCode> {
    let store = globals.store()?;
    let standing = Standing::find()?;
    if standing.place == Place::Outside {
        return standing.start_again(store.root(), None);
    }
    if args.layout {
        print(&layout(&store)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let value = value(globals, &store, &standing)?;
    let text = match args.format.as_deref().filter(|format| !format.is_empty()) {
        None => text(&value),
        Some("json") => format!("{value}\n"),
        Some(format) => {
            let rendered = Template::parse(format).and_then(|template| template.render(&value));
            rendered.map_err(|problem| format_error(&problem))? + "\n"
        }
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Everything there is to say, in docker's fields and some of our own.
fn value(globals: &Globals, store: &Store, standing: &Standing) -> Result<Value> {
    let drivers = globals.drivers(store, standing)?;
    let (chosen, mut status) = (drivers.chosen()?, drivers.describe()?);
    status.push(("Snapshots".to_owned(), store.dir(Bucket::Snapshots).display().to_string()));
    let (uname, memory) = (rustix::system::uname(), rustix::system::sysinfo());
    let containers = Containers::new(store).sound()?.0;
    let statuses: Vec<Status> = containers.iter().map(|entry| entry.state.status()).collect();
    let count = |is: fn(&Status) -> bool| statuses.iter().filter(|status| is(status)).count();
    let running = count(|status| matches!(status, Status::Running(_)));
    let paused = count(|status| matches!(status, Status::Paused(_)));
    Ok(json!({
        "Containers": containers.len(),
        "ContainersRunning": running,
        "ContainersPaused": paused,
        "ContainersStopped": containers.len() - running - paused,
        "Images": image::list(store)?.len(),
        "ServerVersion": env!("CARGO_PKG_VERSION"),
        "Driver": chosen.name,
        "DriverStatus": status,
        "Plugins": { "Volume": globals::volumes(store, &Cancel::new())?.names(), "Network": ["host", "none", "private"] },
        "SecurityOptions": ["name=seccomp,profile=builtin"],
        "Rootless": standing.ids != IdMap::Root,
        "IdMap": standing.ids.to_string(),
        "Fidelity": standing.fidelity,
        "KernelVersion": uname.release().to_string_lossy(),
        "OperatingSystem": operating_system(),
        "OSType": std::env::consts::OS,
        "Architecture": uname.machine().to_string_lossy(),
        "NCPU": std::thread::available_parallelism().map_or(1, usize::from),
        "MemTotal": memory.totalram * u64::from(memory.mem_unit),
        "Name": uname.nodename().to_string_lossy(),
        "RootDir": store.root(),
    }))
}

/// The value in docker's lines.
fn text(value: &Value) -> String {
    let field = |name: &str| match &value[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let list = |value: &Value| {
        let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
    };
    let mut lines = vec![
        format!("Containers: {}", field("Containers")),
        format!(" Running: {}", field("ContainersRunning")),
        format!(" Paused: {}", field("ContainersPaused")),
        format!(" Stopped: {}", field("ContainersStopped")),
        format!("Images: {}", field("Images")),
        format!("Version: {}", field("ServerVersion")),
        format!("Storage Driver: {}", field("Driver")),
    ];
    for pair in value["DriverStatus"].as_array().into_iter().flatten() {
        lines.push(format!(" {}: {}", pair[0].as_str().unwrap_or_default(), pair[1].as_str().unwrap_or_default()));
    }
    lines.extend([
        "Plugins:".to_owned(),
        format!(" Volume: {}", list(&value["Plugins"]["Volume"])),
        format!(" Network: {}", list(&value["Plugins"]["Network"])),
        "Security Options:".to_owned(),
        " seccomp".to_owned(),
        "  Profile: builtin".to_owned(),
        format!("Rootless: {}", field("Rootless")),
        format!(" Id Map: {}", field("IdMap")),
        format!(" Fidelity: {}", field("Fidelity")),
        format!("Kernel Version: {}", field("KernelVersion")),
        format!("Operating System: {}", field("OperatingSystem")),
        format!("OSType: {}", field("OSType")),
        format!("Architecture: {}", field("Architecture")),
        format!("CPUs: {}", field("NCPU")),
        format!("Total Memory: {}", human::precise_size(value["MemTotal"].as_u64().unwrap_or_default())),
        format!("Name: {}", field("Name")),
        format!("Rbuild Root Dir: {}", field("RootDir")),
    ]);
    lines.join("\n") + "\n"
}

fn operating_system() -> String {
    let text = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map_or_else(|| "unknown".to_owned(), |name| name.trim_matches('"').to_owned())
}

/// Each part of the store with its size and what it is for.
fn layout(store: &Store) -> Result<String> {
    let (mut text, mut usage) = ("PATH\tENTRIES\tSIZE\tCONTENT\n".to_owned(), Usage::default());
    let buckets = Bucket::ALL.into_iter().map(|bucket| (store.dir(bucket), content(bucket)));
    for (path, content) in
        std::iter::once((store.blobs(), "manifests, configurations and layers by digest")).chain(buckets)
    {
        let (entries, bytes) = (entries(&path)?, usage.add(&path)?);
        text.extend([
            &path.display().to_string(),
            "\t",
            &entries.to_string(),
            "\t",
            &human::size(bytes),
            "\t",
            content,
            "\n",
        ]);
    }
    Ok(align(&text))
}

const fn content(bucket: Bucket) -> &'static str {
    match bucket {
        Bucket::Refs => "tags",
        Bucket::Index => "what is in each layer",
        Bucket::Encoded => "compressed layers",
        Bucket::Snapshots => "unpacked layers",
        Bucket::Records => "the build cache",
        Bucket::Steps => "what steps were made from before",
        Bucket::Files => "digests of files in contexts",
        Bucket::Mounts => "cache mounts",
        Bucket::Git => "git repositories",
        Bucket::Builds => "logs of builds",
        Bucket::Containers => "containers",
        Bucket::Volumes => "volumes",
        Bucket::Leases => "who is at work",
        Bucket::Tmp => "what is not finished",
    }
}

fn entries(path: &Path) -> Result<usize> {
    let names = std::fs::read_dir(path).map_err(Error::io("list", path.display()))?;
    Ok(names
        .filter(|entry| entry.as_ref().is_ok_and(|entry| !entry.file_name().as_encoded_bytes().starts_with(b".")))
        .count())
}
