//! `--filter` of volumes: which of them a verb is about. Of one key given again any may hold, of labels all have to.

use crate::cli::label::Labels;
use crate::error::{Error, Result};
use rbuild_store::Volume;

/// What volumes have to be like.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    pub(super) dangling: Option<bool>,
    pub(super) all: Option<bool>,
    drivers: Vec<String>,
    names: Vec<String>,
    labels: Labels,
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
                "label" => filter.labels.with(value),
                _ => filter.labels.without(value),
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
            && self.labels.keep(&volume.labels)
    }
}

fn truth(value: &str) -> Option<bool> {
    match value {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}
