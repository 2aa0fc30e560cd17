//! What outputs cannot have of a build, found before it begins. Writes nothing.

use super::{Others, Output, OutputKind};
use crate::error::{Error, Result};
use crate::request::{BuildRequest, ContextPlace, Env};
use rbuild_oci::Platform;
use std::path::{Path, PathBuf};

/// Refuses annotations without a document, outputs that cannot hold the image, and directories that must not be emptied.
pub(in crate::request) fn check(request: &BuildRequest, env: &Env<'_>) -> Result<()> {
    let native = [request.graph.build_platform.clone()];
    let platforms = if request.graph.platforms.is_empty() { &native[..] } else { &request.graph.platforms };
    request.annotations.check(platforms, request.is_index)?;
    for output in &request.outputs {
        output.notes.check(platforms, request.is_index)?;
        documents(request, output, platforms)?;
        if output.push && output.names.is_empty() && request.tags.is_empty() {
            let way = "give it one that begins with the registry, with -t or name=";
            return Err(Error::Usage(format!("an image without a name cannot be pushed: {way}")));
        }
        if output.others == Others::Go {
            spares(&output.dest, &precious(request, env))?;
        }
    }
    Ok(())
}

fn documents(request: &BuildRequest, output: &Output, platforms: &[Platform]) -> Result<()> {
    let refuse = |reason: &str| Err(Error::Usage(format!("--output {}: {reason}", output.dest.display())));
    if !output.oci_media_types && request.annotations.need_oci() {
        return refuse("with oci-mediatypes=false only manifests have annotations");
    }
    if output.kind == OutputKind::Docker && request.is_index {
        let names: Vec<String> = platforms.iter().map(Platform::to_string).collect();
        let names = names.join(", ");
        return refuse(&format!("type=docker holds one platform, not an index ({names}): use type=oci"));
    }
    Ok(())
}

/// Directories that nobody means to lose.
fn precious(request: &BuildRequest, env: &Env<'_>) -> Vec<PathBuf> {
    let context = match &request.dockerfile.context {
        ContextPlace::Directory(path) => Some(path.clone()),
        ContextPlace::Empty | ContextPlace::Tree(_) => None,
    };
    [context, std::env::current_dir().ok(), env("HOME").map(PathBuf::from)].into_iter().flatten().collect()
}

/// Refuses to remove what is in a directory that one of the others lies in.
fn spares(dest: &Path, others: &[PathBuf]) -> Result<()> {
    let Ok(dest) = dest.canonicalize() else { return Ok(()) };
    match others.iter().filter_map(|path| path.canonicalize().ok()).find(|path| path.starts_with(&dest)) {
        Some(path) => Err(Error::Usage(format!(
            "--output {}: mode=delete would remove {}: give a directory of its own",
            dest.display(),
            path.display()
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_directory_of_its_own_is_emptied() {
        let place = tempfile::tempdir().unwrap();
        let (inner, beside) = (place.path().join("a/b"), place.path().join("c"));
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::create_dir(&beside).unwrap();
        spares(&beside, std::slice::from_ref(&inner)).unwrap();
        spares(&place.path().join("missing"), std::slice::from_ref(&inner)).unwrap();
        spares(&inner.join("c"), std::slice::from_ref(&inner)).unwrap();
        for dest in [inner.clone(), place.path().join("a"), place.path().join("a/b/../../c/..")] {
            let said = spares(&dest, std::slice::from_ref(&inner)).unwrap_err().to_string();
            assert!(said.contains("mode=delete would remove"), "{said}");
        }
    }
}
