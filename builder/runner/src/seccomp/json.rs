//! Docker's JSON format for profiles (`--security-opt seccomp=FILE`), which extends the OCI runtime specification's
//! `linux.seccomp` with conditions. Fields it does not have are ignored, as Docker does. It opens no file.

use std::borrow::Cow;

use serde::Deserialize;

use super::arch::{Arch, ArchSet};
use super::error::Error;
use super::profile::{Action, ArgTest, Compare, Family, Profile, Rule, When};

impl Profile {
    /// Reads a profile in Docker's JSON format.
    ///
    /// `capability` gives the number of a capability by its name (`CAP_SYS_ADMIN`). A rule that asks for a
    /// capability or an architecture nobody knows never applies; a system call that nobody knows is ignored.
    ///
    /// # Errors
    /// If the text is not JSON of this shape, or has an action, operator, flag or number the kernel has not, or asks
    /// for a listener (`SCMP_ACT_NOTIFY`), which rbuild does not run.
    pub fn from_json(text: &[u8], capability: impl Fn(&str) -> Option<u8>) -> Result<Profile, Error> {
        let json: ProfileJson = serde_json::from_slice(text)?;
        let default = action(&json.default_action, json.default_errno_ret)?;
        let families = families(&json)?;
        let rules: Result<Vec<Rule>, Error> =
            json.syscalls.into_iter().flatten().map(|rule| rule.read(&capability)).collect();
        let mut flags = 0;
        for name in json.flags.iter().flatten() {
            flags |= flag(name)?;
        }
        Ok(Profile { default, families: Cow::Owned(families), rules: Cow::Owned(rules?), flags })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProfileJson {
    default_action: String,
    default_errno_ret: Option<u64>,
    architectures: Option<Vec<String>>,
    arch_map: Option<Vec<FamilyJson>>,
    flags: Option<Vec<String>>,
    syscalls: Option<Vec<RuleJson>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FamilyJson {
    architecture: String,
    sub_architectures: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuleJson {
    name: Option<String>,
    names: Option<Vec<String>>,
    action: String,
    errno_ret: Option<u64>,
    args: Option<Vec<ArgJson>>,
    includes: Option<WhenJson>,
    excludes: Option<WhenJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArgJson {
    index: u64,
    value: u64,
    #[serde(default)]
    value_two: u64,
    op: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct WhenJson {
    caps: Option<Vec<String>>,
    arches: Option<Vec<String>>,
    min_kernel: Option<String>,
}

impl RuleJson {
    fn read(self, capability: &impl Fn(&str) -> Option<u8>) -> Result<Rule, Error> {
        let (includes, excludes) = (self.includes.unwrap_or_default(), self.excludes.unwrap_or_default());
        let args: Result<Vec<ArgTest>, Error> = self.args.unwrap_or_default().iter().map(arg).collect();
        Ok(Rule {
            names: Cow::Owned(names(self.name, self.names)?),
            action: action(&self.action, self.errno_ret)?,
            args: Cow::Owned(args?),
            when: When {
                caps: includes.caps(capability, When::NO_SUCH_CAP),
                no_caps: excludes.caps(capability, 0),
                arches: includes.arches(),
                no_arches: excludes.arches().unwrap_or_default(),
                since: includes.kernel()?,
                until: excludes.kernel()?,
            },
        })
    }
}

impl WhenJson {
    fn caps(&self, capability: &impl Fn(&str) -> Option<u8>, unknown: u64) -> u64 {
        let bit = |name: &String| capability(name).map_or(unknown, |number| 1 << (number & 63));
        self.caps.iter().flatten().map(bit).fold(0, |mask, bit| mask | bit)
    }

    fn arches(&self) -> Option<ArchSet> {
        let names = self.arches.as_ref().filter(|names| !names.is_empty())?;
        let known: Vec<Arch> = names.iter().filter_map(|name| Arch::from_short(name)).collect();
        Some(ArchSet::of(&known))
    }

    fn kernel(&self) -> Result<Option<(u32, u32)>, Error> {
        let Some(text) = self.min_kernel.as_ref().filter(|text| !text.is_empty()) else { return Ok(None) };
        let (version, revision) = text.split_once('.').ok_or_else(|| unknown("kernel version", text))?;
        let number = |digits: &str| digits.parse::<u32>().map_err(|_| unknown("kernel version", text));
        Ok(Some((number(version)?, number(revision)?)))
    }
}

fn families(json: &ProfileJson) -> Result<Vec<Family>, Error> {
    let map = json.arch_map.as_ref().filter(|map| !map.is_empty());
    let list = json.architectures.as_ref().filter(|list| !list.is_empty());
    match (map, list) {
        (Some(_), Some(_)) => Err(Error::Conflict { first: "architectures", second: "archMap" }),
        (Some(map), None) => {
            let families: Result<Vec<Option<Family>>, Error> = map.iter().map(family).collect();
            Ok(families?.into_iter().flatten().collect())
        }
        (None, list) => {
            let also = arches(list.map_or(&[], Vec::as_slice))?;
            Ok(Arch::ALL.map(|native| Family { native, also }).into())
        }
    }
}

/// A family whose machine is one that rbuild runs on.
fn family(json: &FamilyJson) -> Result<Option<Family>, Error> {
    let also = arches(json.sub_architectures.as_deref().unwrap_or_default())?;
    Ok(arch(&json.architecture)?.map(|native| Family { native, also }))
}

fn arches(names: &[String]) -> Result<ArchSet, Error> {
    let known: Result<Vec<Option<Arch>>, Error> = names.iter().map(|name| arch(name)).collect();
    Ok(ArchSet::of(&known?.into_iter().flatten().collect::<Vec<Arch>>()))
}

/// None for a convention that none of our machines serves.
fn arch(name: &str) -> Result<Option<Arch>, Error> {
    match Arch::from_scmp(name) {
        None if !name.starts_with("SCMP_ARCH_") => Err(unknown("architecture", name)),
        arch => Ok(arch),
    }
}

fn names(name: Option<String>, names: Option<Vec<String>>) -> Result<String, Error> {
    let names = match (name.filter(|name| !name.is_empty()), names.unwrap_or_default()) {
        (Some(_), names) if !names.is_empty() => return Err(Error::Conflict { first: "name", second: "names" }),
        (Some(name), _) => vec![name],
        (None, names) => names,
    };
    match names.iter().find(|name| name.is_empty() || name.contains(char::is_whitespace)) {
        Some(name) => Err(unknown("system call", name)),
        None => Ok(names.join(" ")),
    }
}

fn action(name: &str, number: Option<u64>) -> Result<Action, Error> {
    const EPERM: u64 = 1;
    let number = || {
        let most = u64::from(u16::MAX);
        let number = number.unwrap_or(EPERM);
        u16::try_from(number).map_err(|_| Error::TooLarge { what: "errnoRet", value: number, most })
    };
    Ok(match name {
        "SCMP_ACT_ALLOW" => Action::Allow,
        "SCMP_ACT_LOG" => Action::Log,
        "SCMP_ACT_ERRNO" => Action::Errno(number()?),
        "SCMP_ACT_TRACE" => Action::Trace(number()?),
        "SCMP_ACT_TRAP" => Action::Trap,
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Action::KillThread,
        "SCMP_ACT_KILL_PROCESS" => Action::KillProcess,
        "SCMP_ACT_NOTIFY" => return Err(needs_a_listener(name)),
        _ => return Err(unknown("action", name)),
    })
}

fn arg(json: &ArgJson) -> Result<ArgTest, Error> {
    const MOST: u64 = 5;
    let index = u8::try_from(json.index).ok().filter(|index| u64::from(*index) <= MOST);
    let index = index.ok_or(Error::TooLarge { what: "argument index", value: json.index, most: MOST })?;
    let (compare, value) = match json.op.as_str() {
        "SCMP_CMP_EQ" => (Compare::Eq, json.value),
        "SCMP_CMP_NE" => (Compare::Ne, json.value),
        "SCMP_CMP_LT" => (Compare::Lt, json.value),
        "SCMP_CMP_LE" => (Compare::Le, json.value),
        "SCMP_CMP_GT" => (Compare::Gt, json.value),
        "SCMP_CMP_GE" => (Compare::Ge, json.value),
        "SCMP_CMP_MASKED_EQ" => (Compare::Masked(json.value), json.value_two),
        op => return Err(unknown("operator", op)),
    };
    Ok(ArgTest { index, compare, value })
}

/// The `SECCOMP_FILTER_FLAG_*` bit; TSYNC has none, the filter is installed where there is one thread.
fn flag(name: &str) -> Result<u32, Error> {
    match name {
        "SECCOMP_FILTER_FLAG_TSYNC" => Ok(0),
        "SECCOMP_FILTER_FLAG_LOG" => Ok(1 << 1),
        "SECCOMP_FILTER_FLAG_SPEC_ALLOW" => Ok(1 << 2),
        "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" => Err(needs_a_listener(name)),
        _ => Err(unknown("flag", name)),
    }
}

fn unknown(what: &'static str, value: &str) -> Error {
    Error::Unknown { what, value: value.to_owned() }
}

fn needs_a_listener(value: &str) -> Error {
    Error::Unsupported { value: value.to_owned(), reason: "it needs a listening agent, and a build has none" }
}
