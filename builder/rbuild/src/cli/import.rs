//! `rbuild import`: a base image from the tarball of a root file system.

use super::globals::Globals;
use super::out::print;
use super::signals::cancel_on_signal;
use crate::change::changed;
use crate::error::{Error, Result};
use crate::image::{StoredImage, new_name};
use crate::import::rootfs;
use clap::Args;
use rbuild_oci::{
    Cancel, Descriptor, History, ImageConfig, ImageId, Manifest, MediaType, Platform, RootFs, Timestamp,
    to_canonical_json,
};
use rbuild_store::Store;
use rbuild_store::layer::LayerRef;
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::process::ExitCode;

/// Make a base image of the tarball of a root file system
#[derive(Args, Clone, Debug, Default)]
pub struct ImportArgs {
    /// Tarball of any compression; `-` is standard input
    #[arg(value_name = "FILE")]
    pub file: String,
    /// Name of the image, `name[:tag]`
    #[arg(value_name = "NAME[:TAG]")]
    pub name: Option<String>,
    /// Dockerfile instruction for the image's configuration, such as `CMD ["sh"]`; may be given several times
    #[arg(short, long = "change", value_name = "INSTRUCTION")]
    pub changes: Vec<String>,
    /// Comment in the image's history
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,
    /// Platform of the files, `os/arch[/variant]` [default: this machine's]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,
}

/// Makes the image and prints its id.
pub fn run(args: &ImportArgs, globals: &Globals) -> Result<ExitCode> {
    let cancel = Cancel::new();
    let store = globals.store_until(&cancel)?;
    let _watch = cancel_on_signal(&cancel)?;
    store.lease()?;
    let id = import(args, &store, &cancel, now()?)?;
    print(&format!("{id}\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Makes the image as of that time.
pub fn import(args: &ImportArgs, store: &Store, cancel: &Cancel, now: Timestamp) -> Result<ImageId> {
    let name = args.name.as_deref().map(new_name).transpose()?;
    let platform = args.platform.as_deref().map_or_else(|| Ok(Platform::native()), str::parse)?;
    let config = changed(&args.changes, None)?;
    let layer = layer(args, store, cancel)?;
    let comment = args.message.clone().unwrap_or_else(|| "Imported from -".to_owned());
    let config = ImageConfig {
        created: Some(now),
        config,
        rootfs: RootFs { diff_ids: vec![layer.diff_id], ..RootFs::default() },
        history: vec![History { created: Some(now), comment, ..History::default() }],
        ..ImageConfig::scratch(&platform)
    };
    let config_bytes = to_canonical_json(&config)?;
    let id = ImageId(store.put_document(&config_bytes)?);
    let blob = Descriptor::new(MediaType::OCI_LAYER, layer.diff_id.0, layer.size.unwrap_or_default());
    let manifest = Manifest::oci(Descriptor::of(MediaType::OCI_CONFIG, &config_bytes), vec![blob]);
    let descriptor = Descriptor::of(MediaType::OCI_MANIFEST, &to_canonical_json(&manifest)?);
    store.history().put(&id, &[id])?;
    let image = StoredImage { id, target: descriptor.clone(), descriptor: descriptor.clone(), manifest, config };
    image.settle(store)?;
    if let Some(name) = name {
        store.refs().set(&[(name, descriptor)], now)?;
    }
    Ok(id)
}

fn layer(args: &ImportArgs, store: &Store, cancel: &Cancel) -> Result<LayerRef> {
    let source: Box<dyn Read + Send> = match args.file.as_str() {
        "-" if std::io::stdin().is_terminal() => {
            return Err(Error::Usage("import - reads a tarball from standard input".to_owned()));
        }
        "-" => Box::new(std::io::stdin()),
        path if std::path::Path::new(path).is_dir() => {
            return Err(Error::Usage(format!(
                "{path} is a directory: pipe `tar -C {path} -c .` into `rbuild import -`"
            )));
        }
        path => Box::new(File::open(path).map_err(Error::io("open", path))?),
    };
    rootfs::layer(source, &args.file, store, cancel)
}

/// The time now, or the one that SOURCE_DATE_EPOCH puts in its place.
fn now() -> Result<Timestamp> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) if !text.is_empty() => text
            .parse()
            .ok()
            .filter(|seconds| Timestamp::SECONDS.contains(seconds))
            .map(Timestamp::from_seconds)
            .ok_or_else(|| {
                let rule = "is not a number of seconds since 1970 in the years 0000 to 9999";
                Error::Usage(format!("SOURCE_DATE_EPOCH {text:?} {rule}"))
            }),
        _ => Ok(std::time::SystemTime::now().into()),
    }
}
