//! The filters, run by an interpreter: what each call comes to.

mod arguments;
mod docker;
mod families;
mod interpreter;
mod json;

use super::{Conditions, Profile, SockFilter, compile};

/// Docker's capabilities for a container without options.
const DOCKER_CAPS: u64 = 0xA804_25FB;

fn filter(profile: &Profile, conditions: &Conditions) -> Vec<SockFilter> {
    compile(profile, conditions).expect("a filter")
}

/// The number of a few capabilities by name.
fn capability(name: &str) -> Option<u8> {
    match name {
        "CAP_SYS_PTRACE" => Some(19),
        "CAP_SYS_ADMIN" => Some(21),
        "CAP_SYS_NICE" => Some(23),
        _ => None,
    }
}

fn from_json(text: &str) -> Profile {
    Profile::from_json(text.as_bytes(), capability).expect("a profile")
}
