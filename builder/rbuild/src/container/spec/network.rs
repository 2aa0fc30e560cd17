//! `--network`.

use super::usage;
use crate::container::model::Network;
use crate::error::Result;

/// The network of a container; the host's unless something is said.
pub(crate) fn parse(text: Option<&str>) -> Result<Network> {
    match text {
        None | Some("host" | "default" | "") => Ok(Network::Host),
        Some("none") => Ok(Network::None),
        Some(other) => Err(usage(format!(
            "--network {other} is not supported: there are host (the default: the machine's own network) and none"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn every_form() {
        assert_eq!(parse(None).unwrap(), Network::Host);
        let refused = |name: &str| {
            format!(
                "--network {name} is not supported: there are host (the default: the machine's own network) and none"
            )
        };
        check(
            |text| parse(Some(text)),
            &[
                ("host", "Host"),
                ("default", "Host"),
                ("none", "None"),
                ("bridge", &refused("bridge")),
                ("container:x", &refused("container:x")),
            ],
        );
    }
}
