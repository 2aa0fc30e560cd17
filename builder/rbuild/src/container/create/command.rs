//! PURE. What a container starts: the image's Entrypoint and Cmd with what the command line puts in their place (Docker
//! reference, "Understand how CMD and ENTRYPOINT interact").

use crate::error::{Error, Result};
use rbuild_oci::ContainerConfig;

/// What a container starts: the words of its entrypoint, then those of its command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) argv: Vec<String>,
    /// How many of them are the entrypoint's.
    pub(crate) entrypoint: usize,
}

/// The program and its arguments. An entrypoint of the command line takes the image's arguments away too, an empty one
/// (`--entrypoint ""`) leaves the command alone.
pub(crate) fn argv(image: &ContainerConfig, entrypoint: Option<&str>, command: &[String]) -> Result<Command> {
    let own: Vec<String> = match entrypoint {
        Some("") => Vec::new(),
        Some(program) => vec![program.to_owned()],
        None => image.entrypoint.clone().unwrap_or_default(),
    };
    let arguments = match (command, entrypoint) {
        ([], None) => image.cmd.clone().unwrap_or_default(),
        _ => command.to_vec(),
    };
    let entrypoint = own.len();
    let argv = [own, arguments].concat();
    match argv.first() {
        None => Err(Error::Usage(
            "no command specified: the image has neither ENTRYPOINT nor CMD, so give one behind its name".to_owned(),
        )),
        Some(program) if program.is_empty() => Err(Error::Usage("the command's first word is empty".to_owned())),
        Some(_) => Ok(Command { argv, entrypoint }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(image: [Option<&str>; 2], entrypoint: Option<&str>, command: &str) -> String {
        let list = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let [own, cmd] = image.map(|text| text.map(list));
        let config = ContainerConfig { entrypoint: own, cmd, ..ContainerConfig::default() };
        argv(&config, entrypoint, &list(command))
            .map_or_else(|error| error.to_string(), |command| command.argv.join(" "))
    }

    #[test]
    fn every_combination() {
        let none = "no command specified: the image has neither ENTRYPOINT nor CMD, so give one behind its name";
        for (own, cmd, entrypoint, command, expected) in [
            (None, Some("sh"), None, "", "sh"),
            (None, Some("sh"), None, "ls -l", "ls -l"),
            (Some("top -b"), None, None, "", "top -b"),
            (Some("top"), Some("-b"), None, "", "top -b"),
            (Some("top"), Some("-b"), None, "-H", "top -H"),
            (Some("top"), Some("-b"), Some("ls"), "", "ls"),
            (Some("top"), Some("-b"), Some("ls"), "-l", "ls -l"),
            (Some("top"), Some("-b"), Some(""), "ls -l", "ls -l"),
            (Some("top"), Some("-b"), Some(""), "", none),
            (None, None, None, "", none),
            (Some(""), Some(""), None, "", none),
            (None, None, Some("ls"), "", "ls"),
        ] {
            assert_eq!(show([own, cmd], entrypoint, command), expected, "{own:?} {cmd:?} {entrypoint:?} {command:?}");
        }
        let empty = argv(&ContainerConfig::default(), None, &[String::new()]).unwrap_err();
        assert_eq!(empty.to_string(), "the command's first word is empty");
    }
}
