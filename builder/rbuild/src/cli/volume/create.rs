//! `rbuild volume create`.

use crate::container::VolumeDrivers;
use crate::error::{Error, Result};
use clap::Args;
use rbuild_oci::Timestamp;
use rbuild_store::{NewVolume, VolumeDriver};
use std::collections::BTreeMap;

/// A volume to make.
#[derive(Args, Clone, Debug, Default)]
pub struct CreateArgs {
    /// Name of the volume [default: a random one]
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Volume driver: local, or a plugin
    #[arg(short, long, value_name = "NAME", default_value = "local")]
    pub driver: String,
    /// Option for the driver; of local: type=, device=, o= as in mount(8)
    #[arg(short, long = "opt", value_name = "KEY=VALUE")]
    pub options: Vec<String>,
    /// Note on the volume
    #[arg(long = "label", value_name = "KEY[=VALUE]")]
    pub labels: Vec<String>,
}

/// Makes a volume at that time and gives its name.
pub fn create(args: &CreateArgs, drivers: &VolumeDrivers, now: Timestamp) -> Result<String> {
    let new = NewVolume {
        name: args.name.clone().filter(|name| !name.is_empty()),
        driver: Some(args.driver.clone()),
        labels: pairs(&args.labels)?,
        options: pairs(&args.options)?,
    };
    Ok(drivers.create(&new, now)?.name + "\n")
}

fn pairs(texts: &[String]) -> Result<BTreeMap<String, String>> {
    let pair = |text: &String| match text.split_once('=').unwrap_or((text, "")) {
        ("", _) => Err(Error::Usage(format!("{text:?} has no key: write KEY=VALUE"))),
        (key, value) => Ok((key.to_owned(), value.to_owned())),
    };
    texts.iter().map(pair).collect()
}
