//! PURE. The environment of a container: Docker's own variables, then the image's, then the command line's. HOME comes
//! later, from the user.

use crate::container::spec::env::Change;

/// Where programs are looked up when the image says nothing.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What the environment is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sources<'a> {
    /// The image's, `NAME=value` each.
    pub(crate) image: &'a [String],
    /// The command line's.
    pub(crate) changes: &'a [Change],
    /// The host name.
    pub(crate) hostname: &'a str,
    /// Whether the container has a terminal.
    pub(crate) terminal: bool,
}

/// `NAME=value` each, names unique, first place and last value of a name kept.
pub(crate) fn environment(sources: Sources<'_>) -> Vec<String> {
    let mut variables: Vec<(&str, &str)> = vec![("PATH", PATH), ("HOSTNAME", sources.hostname)];
    if sources.terminal {
        variables.push(("TERM", "xterm"));
    }
    for pair in sources.image {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        set(&mut variables, name, value);
    }
    for change in sources.changes {
        match change {
            Change::Set(name, value) => set(&mut variables, name, value),
            Change::Unset(name) => variables.retain(|(known, _)| known != name),
        }
    }
    variables.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}

fn set<'a>(variables: &mut Vec<(&'a str, &'a str)>, name: &'a str, value: &'a str) {
    match variables.iter_mut().find(|(known, _)| *known == name) {
        Some(variable) => variable.1 = value,
        None => variables.push((name, value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_sources_win() {
        let image = ["PATH=/image", "A=1", "B=2"].map(str::to_owned);
        let changes = [
            Change::Set("A".into(), "x=y".into()),
            Change::Unset("B".into()),
            Change::Unset("NEVER".into()),
            Change::Set("C".into(), String::new()),
        ];
        let all = Sources { image: &image, changes: &changes, hostname: "box", terminal: true };
        assert_eq!(environment(all).join(" "), "PATH=/image HOSTNAME=box TERM=xterm A=x=y C=");
        let none = Sources { image: &[], changes: &[], hostname: "box", terminal: false };
        assert_eq!(environment(none).join(" "), format!("PATH={PATH} HOSTNAME=box"));
        let term = [Change::Set("TERM".into(), "vt100".into()), Change::Set("HOSTNAME".into(), "other".into())];
        let own = Sources { image: &[], changes: &term, hostname: "box", terminal: true };
        assert_eq!(environment(own).join(" "), format!("PATH={PATH} HOSTNAME=other TERM=vt100"));
    }
}
