//! `--filter` of volumes: which of them a verb is about. Of one key given again any may hold, of labels all have to.

use crate::error::{Error, Result};
use rbuild_store::Volume;

/// What volumes have to be like.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    pub(super) dangling: Option<bool>,
    pub(super) all: Option<bool>,
    drivers: Vec<String>,
    names: Vec<String>,
    with: Vec<String>,
    without: Vec<String>,
}

impl Filter {
    /// Reads filters; a verb takes those of `known` only.
    pub(super) fn parse(texts: &[String], known: &[&str]) -> Result<Self> {
        let mut filter = Self::default();
        for text in texts {
            let wrong = || Error::Usage(format!("--filter {text:?}: known are {}", known.join(", ")));
            let (key, value) = text.split_once('=').ok_or_else(wrong)?;
            if !known.iter().any(|known| known.split('=').next() == Some(key)) {
                return Err(wrong());
            }
            let owned = value.to_owned();
            match key {
                "dangling" => filter.dangling = Some(truth(value).ok_or_else(wrong)?),
                "all" => filter.all = Some(truth(value).ok_or_else(wrong)?),
                "driver" => filter.drivers.push(owned),
                "name" => filter.names.push(owned),
                "label" => filter.with.push(owned),
                _ => filter.without.push(owned),
            }
        }
        Ok(filter)
    }

    /// Whether a volume is like that, but for whether it is in use.
    pub(super) fn keeps(&self, volume: &Volume) -> bool {
        let any =
            |wanted: &[String], holds: &dyn Fn(&str) -> bool| wanted.is_empty() || wanted.iter().any(|it| holds(it));
        any(&self.drivers, &|driver| volume.driver == driver)
            && any(&self.names, &|part| volume.name.contains(part))
            && self.with.iter().all(|label| has_label(volume, label))
            && !self.without.iter().any(|label| has_label(volume, label))
    }
}

fn truth(value: &str) -> Option<bool> {
    match value {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

fn has_label(volume: &Volume, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some((key, value)) => volume.labels.get(key).is_some_and(|own| own == value),
        None => volume.labels.contains_key(wanted),
    }
}
