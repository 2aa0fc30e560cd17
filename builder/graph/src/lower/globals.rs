//! What is known before the first FROM: platform variables, global ARGs, the build arguments and SOURCE_DATE_EPOCH.
//! Knows no stage.

use super::outline::Outline;
use super::variables::Variables;
use crate::error::Result;
use crate::request::Request;
use rbuild_oci::Platform;
use std::collections::BTreeMap;

/// The outermost scope.
pub(super) struct Globals {
    /// Platform variables and global ARGs.
    pub(super) variables: Variables,
    /// Build arguments, SOURCE_DATE_EPOCH of the request among them.
    pub(super) build_args: BTreeMap<String, String>,
    /// Seconds since 1970 that stand in for now.
    pub(super) epoch: Option<i64>,
}

/// The build argument that stands in for now.
pub(super) const EPOCH: &str = "SOURCE_DATE_EPOCH";

/// The outermost scope of a build for `platform`.
pub(super) fn globals(outline: &Outline<'_>, request: &Request, platform: &Platform) -> Result<Globals> {
    let (mut build_args, mut variables) = scope(outline, request, platform)?;
    let epoch = epoch(outline, request, &mut build_args, &mut variables)?;
    Ok(Globals { variables, build_args, epoch })
}

/// Build arguments and variables as they are given.
pub(super) fn scope(
    outline: &Outline<'_>,
    request: &Request,
    platform: &Platform,
) -> Result<(BTreeMap<String, String>, Variables)> {
    let mut build_args = request.build_args.clone();
    if let Some(seconds) = request.source_date_epoch {
        build_args.entry(EPOCH.to_owned()).or_insert_with(|| seconds.to_string());
    }
    let mut variables = platform_variables(outline, request, platform, &build_args);
    for (instruction, items) in &outline.globals {
        for item in *items {
            let name = item.name.to_str_lossy().into_owned();
            let value = match (build_args.get(&name), &item.default) {
                (Some(given), _) => given.clone(),
                (None, Some(default)) => variables.expand(default, outline.escape, instruction.span)?.value,
                (None, None) => continue,
            };
            variables.set(&name, &value);
        }
    }
    Ok((build_args, variables))
}

fn platform_variables(
    outline: &Outline<'_>,
    request: &Request,
    platform: &Platform,
    build_args: &BTreeMap<String, String>,
) -> Variables {
    let mut variables = Variables::default();
    let mut set = |name: &str, value: &str| {
        variables.set(name, build_args.get(name).map_or(value, String::as_str));
    };
    for (side, platform) in [("BUILD", &request.build_platform), ("TARGET", platform)] {
        set(&format!("{side}PLATFORM"), &platform.to_string());
        set(&format!("{side}OS"), &platform.os);
        set(&format!("{side}OSVERSION"), platform.os_version.as_deref().unwrap_or_default());
        set(&format!("{side}ARCH"), &platform.architecture);
        set(&format!("{side}VARIANT"), platform.variant.as_deref().unwrap_or_default());
    }
    let stage = request.target.clone().or_else(|| outline.last_name());
    set("TARGETSTAGE", stage.as_deref().unwrap_or("default"));
    variables
}

/// Takes the time from the build arguments or a global ARG. A name stands for the time of what has that name, which the
/// caller finds out beforehand by [`crate::time_source`]: where there is still a name, there is no time.
fn epoch(
    outline: &Outline<'_>,
    request: &Request,
    build_args: &mut BTreeMap<String, String>,
    variables: &mut Variables,
) -> Result<Option<i64>> {
    let Some(text) = epoch_text(build_args, variables) else { return Ok(None) };
    match text.parse() {
        Ok(seconds) => return Ok(Some(seconds)),
        Err(_) if text.is_empty() => {}
        Err(_) => super::epoch::check(outline, request, &text)?,
    }
    build_args.remove(EPOCH);
    variables.remove(EPOCH);
    Ok(None)
}

/// What SOURCE_DATE_EPOCH is set to.
pub(super) fn epoch_text(build_args: &BTreeMap<String, String>, variables: &Variables) -> Option<String> {
    build_args.get(EPOCH).map(String::as_str).or_else(|| variables.get(EPOCH)).map(str::to_owned)
}
