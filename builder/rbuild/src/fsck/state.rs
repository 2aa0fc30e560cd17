//! Records, snapshots, containers, volumes and states of failed steps: whether each can be read. Changes nothing.

use super::blobs::files;
use super::{Finding, Looked, Remedy};
use crate::container::Containers;
use crate::error::{Error, Result};
use rbuild_records::LocalBackend;
use rbuild_store::{Bucket, LOCAL, Store, check_volume_name, if_there};
use std::fs;

/// Checks all of them.
pub(super) fn check(store: &Store, looked: &mut Looked) -> Result<Vec<Finding>> {
    let mut findings = records(store, looked)?;
    findings.extend(snapshots(store, looked)?);
    findings.extend(containers(store, looked)?);
    findings.extend(volumes(store, looked)?);
    findings.extend(failed(store)?);
    Ok(findings)
}

pub(super) fn records(store: &Store, looked: &mut Looked) -> Result<Vec<Finding>> {
    let records = LocalBackend::of(store);
    looked.records = records.list()?.len();
    let of = |(path, wrong): (std::path::PathBuf, String)| Finding {
        subject: format!("the record {}", path.file_name().unwrap_or_default().to_string_lossy()),
        wrong,
        meaning: "its step counts as never done, and is done again",
        advice: "--repair puts it away",
        remedy: Remedy::File(path),
    };
    Ok(records.damaged()?.into_iter().map(of).collect())
}

fn snapshots(store: &Store, looked: &mut Looked) -> Result<Vec<Finding>> {
    let (count, unsound) = store.unsound_snapshots()?;
    looked.snapshots = count;
    let of = |(path, wrong): (std::path::PathBuf, &str)| Finding {
        subject: format!("the snapshot {}", path.display()),
        wrong: wrong.to_owned(),
        meaning: "steps on top of it fail, or it is unpacked again",
        advice: "--repair puts it away",
        remedy: Remedy::Snapshot(path),
    };
    Ok(unsound.into_iter().map(of).collect())
}

fn containers(store: &Store, looked: &mut Looked) -> Result<Vec<Finding>> {
    let (containers, mut findings) = (Containers::new(store), Vec::new());
    let ids = containers.ids()?;
    looked.containers = ids.len();
    for id in ids {
        let Err(error) = containers.read(&id) else { continue };
        findings.push(Finding {
            subject: format!("container {}", id.short()),
            wrong: error.to_string(),
            meaning: "it does not start, and nothing is pruned for its sake",
            advice: "save what is needed of its directory in containers.v1, then remove it with rbuild rm",
            remedy: Remedy::None,
        });
    }
    Ok(findings)
}

fn volumes(store: &Store, looked: &mut Looked) -> Result<Vec<Finding>> {
    let (records, mut findings) = (store.volume_records(), Vec::new());
    looked.volumes = 0;
    for path in files(&store.dir(Bucket::Volumes))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if check_volume_name(&name).is_err() {
            continue;
        }
        looked.volumes += 1;
        let wrong = match records.get(&name) {
            Ok(Some(volume)) if volume.driver != LOCAL || volume.mountpoint.is_dir() => continue,
            Ok(Some(_)) => "it has no directory for its files".to_owned(),
            Ok(None) if !path.exists() => continue,
            Ok(None) => "its volume.json is missing".to_owned(),
            Err(error) => error.to_string(),
        };
        findings.push(Finding {
            subject: format!("volume {name}"),
            wrong,
            meaning: "no container that mounts it starts",
            advice: "save what is needed of its directory in volumes.v1, remove that, and make the volume again",
            remedy: Remedy::None,
        });
    }
    Ok(findings)
}

pub(super) fn failed(store: &Store) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for build in files(&store.dir(Bucket::Builds))? {
        let path = build.join("failed.json");
        let read = if_there(fs::read(&path)).map_err(Error::io("read", path.display()))?;
        if read.is_some_and(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).is_err()) {
            findings.push(Finding {
                subject: format!("the failed build {}", build.file_name().unwrap_or_default().to_string_lossy()),
                wrong: "the state of its step cannot be read".to_owned(),
                meaning: "it cannot be looked into with `rbuild debug`",
                advice: "--repair puts it away",
                remedy: Remedy::File(path),
            });
        }
    }
    Ok(findings)
}
