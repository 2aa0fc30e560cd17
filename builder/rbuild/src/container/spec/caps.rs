//! `--cap-add` and `--cap-drop`.

use super::usage;
use crate::error::Result;
use rbuild_runner::Caps;

/// Docker's default set with those added and dropped. `ALL` is every capability; a name dropped alone stays dropped
/// beside `--cap-add ALL`, and the other way round.
pub(crate) fn parse(add: &[String], drop: &[String]) -> Result<Caps> {
    let mut caps = match (has_all(add), has_all(drop)) {
        (_, true) => Caps::NONE,
        (true, false) => Caps::ALL,
        (false, false) => Caps::docker_default(),
    };
    for name in singles(add) {
        caps = caps.with(number("--cap-add", name)?);
    }
    for name in singles(drop) {
        caps = caps.without(number("--cap-drop", name)?);
    }
    Ok(caps)
}

fn has_all(names: &[String]) -> bool {
    names.iter().any(|name| name.eq_ignore_ascii_case("ALL"))
}

fn singles(names: &[String]) -> impl Iterator<Item = &String> {
    names.iter().filter(|name| !name.eq_ignore_ascii_case("ALL"))
}

fn number(flag: &str, name: &str) -> Result<u8> {
    let hint = "write a name of capabilities(7), such as NET_ADMIN, or ALL";
    Caps::number(name).ok_or_else(|| usage(format!("{flag}: there is no capability {name:?}: {hint}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form() {
        let show = |add: &str, drop: &str| {
            let list = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            parse(&list(add), &list(drop)).map_or_else(|error| error.to_string(), |caps| caps.to_string())
        };
        let default = Caps::docker_default();
        for (add, drop, expected) in [
            ("", "", default.to_string()),
            ("SYS_ADMIN", "", default.with(21).to_string()),
            ("cap_sys_admin chown", "CAP_KILL", default.with(21).without(5).to_string()),
            ("ALL", "", "all".to_owned()),
            ("all", "SYS_ADMIN", Caps::ALL.without(21).to_string()),
            ("", "ALL", "none".to_owned()),
            ("NET_BIND_SERVICE", "all", "NET_BIND_SERVICE".to_owned()),
            ("ALL CHOWN", "ALL", "CHOWN".to_owned()),
            ("FLY", "", "--cap-add: there is no capability \"FLY\": write a name of capabilities(7), such as NET_ADMIN, or ALL".to_owned()),
            ("", "FLY", "--cap-drop: there is no capability \"FLY\": write a name of capabilities(7), such as NET_ADMIN, or ALL".to_owned()),
        ] {
            assert_eq!(show(add, drop), expected, "+{add} -{drop}");
        }
    }
}
