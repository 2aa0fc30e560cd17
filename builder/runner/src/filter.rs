//! Seccomp profiles, Docker's first of all, compiled for the machine this program runs on. Installs nothing.

use crate::caps::Caps;
use crate::error::{Error, Result};
use crate::seccomp::{Arch, Conditions, Profile, SockFilter, compile};

/// The filter of Docker's profile for a container with this bounding set, on this kernel. Compile it once and share it;
/// it differs only with `caps`.
pub fn docker_filter(caps: Caps) -> Result<Vec<SockFilter>> {
    compile_filter(&Profile::docker(), caps)
}

/// The filter of a profile, likewise.
pub fn compile_filter(profile: &Profile, caps: Caps) -> Result<Vec<SockFilter>> {
    let failed = |reason: String| Error::Invalid(format!("seccomp profile: {reason}"));
    let kernel = version(&rustix::system::uname().release().to_string_lossy());
    let arch = Arch::NATIVE.ok_or_else(|| failed("nothing is known of this machine's system calls".to_owned()))?;
    compile(profile, &Conditions { caps: caps.bits(), arch, kernel }).map_err(|error| failed(error.to_string()))
}

/// Version and revision of a release such as `6.1.0-18-amd64`; zero where there is no number.
fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_have_a_version() {
        assert_eq!(version("6.1.0-18-amd64"), (6, 1));
        assert_eq!(version("5.15.167.4-microsoft-standard-WSL2"), (5, 15));
        assert_eq!(version("7"), (7, 0));
    }
}
