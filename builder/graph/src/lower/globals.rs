//! What is known before the first FROM: platform variables, global ARGs, the build arguments and SOURCE_DATE_EPOCH.
//! Knows no stage.

use super::outline::Outline;
use super::variables::Variables;
use crate::error::{Error, ErrorKind, Result};
use crate::parameters::{Argument, Parameters};
use crate::request::Request;
use dockerfile_parser::lint::Place;
use rbuild_oci::{Platform, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The outermost scope.
pub(super) struct Globals {
    /// Platform variables and global ARGs.
    pub(super) variables: Variables,
    /// Global ARGs, and the names that the default of each uses.
    args: Declared,
    /// Build arguments, SOURCE_DATE_EPOCH of the request among them.
    pub(super) build_args: BTreeMap<String, String>,
    /// Seconds since 1970 that stand in for now.
    pub(super) epoch: Option<i64>,
}

/// The build argument that stands in for now.
pub(super) const EPOCH: &str = "SOURCE_DATE_EPOCH";

/// The outermost scope of a build for `platform`.
pub(super) fn globals(outline: &Outline<'_>, request: &Request, platform: &Platform) -> Result<Globals> {
    let (mut build_args, mut variables, args) = scope(outline, request, platform)?;
    let epoch = epoch(outline, request, &mut build_args, &mut variables)?;
    Ok(Globals { variables, args, build_args, epoch })
}

/// Build arguments, variables and global ARGs as they are given.
pub(super) fn scope(
    outline: &Outline<'_>,
    request: &Request,
    platform: &Platform,
) -> Result<(BTreeMap<String, String>, Variables, Declared)> {
    let mut build_args = request.build_args.clone();
    if let Some(seconds) = request.source_date_epoch {
        build_args.entry(EPOCH.to_owned()).or_insert_with(|| seconds.to_string());
    }
    let mut variables = platform_variables(outline, request, platform, &build_args);
    let args = declare(outline, &mut variables, &build_args)?;
    Ok((build_args, variables, args))
}

/// The platform variables and the global ARGs with their defaults, whatever build arguments there are for the latter.
pub(super) fn defaults(outline: &Outline<'_>, request: &Request, platform: &Platform) -> Result<Variables> {
    let mut variables = platform_variables(outline, request, platform, &request.build_args);
    declare(outline, &mut variables, &BTreeMap::new())?;
    Ok(variables)
}

/// Global ARGs with the names that their defaults use.
pub(super) type Declared = BTreeMap<String, (Argument, BTreeSet<String>)>;

/// Adds the global ARGs.
fn declare(
    outline: &Outline<'_>,
    variables: &mut Variables,
    build_args: &BTreeMap<String, String>,
) -> Result<Declared> {
    let mut declared = Declared::new();
    for (instruction, items) in &outline.globals {
        for item in *items {
            let name = item.name.to_str_lossy().into_owned();
            let (value, mut used) = match (build_args.get(&name), &item.default) {
                (Some(given), _) => (Some(given.clone()), BTreeSet::new()),
                (None, Some(default)) => {
                    let expanded = variables.expand(default, outline.escape, instruction.span)?;
                    (Some(expanded.value), expanded.used)
                }
                (None, None) => (None, BTreeSet::new()),
            };
            if used.remove(&name) {
                used.extend(declared.get(&name).into_iter().flat_map(|(_, earlier)| earlier.clone()));
            }
            if let Some(value) = &value {
                variables.set(&name, value);
            }
            let description = instruction.description(name.as_bytes()).map(|text| text.to_str_lossy().into_owned());
            let argument = Argument { value: value.unwrap_or_default(), description, place: Place::of(instruction) };
            declared.insert(name, (argument, used));
        }
    }
    Ok(declared)
}

impl Globals {
    /// Notes that a stage uses a global ARG, with those that its default uses.
    pub(super) fn note(&self, name: &str, parameters: &mut Parameters) {
        if let Some((argument, used)) = self.args.get(name)
            && !parameters.args.contains_key(name)
        {
            parameters.args.insert(name.to_owned(), argument.clone());
            for name in used {
                self.note(name, parameters);
            }
        }
    }
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
        Ok(seconds) if Timestamp::SECONDS.contains(&seconds) => return Ok(Some(seconds)),
        Ok(seconds) => return Err(Error::nowhere(ErrorKind::SourceDateEpochRange(seconds))),
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
