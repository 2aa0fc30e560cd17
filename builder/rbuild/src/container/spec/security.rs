//! `--security-opt`.

use super::usage;
use crate::error::Result;

/// All that `--security-opt` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Which system calls run.
    pub(crate) seccomp: Filter,
    /// Whether set-user-id programs are without effect.
    pub(crate) no_new_privileges: bool,
    /// Whether the paths that Docker hides or protects are left as they are.
    pub(crate) open_paths: bool,
}

/// Where the seccomp profile comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Filter {
    /// Docker's default.
    #[default]
    Docker,
    /// Every call runs.
    Unconfined,
    /// This file.
    File(String),
}

/// All `--security-opt` together; of two that contradict each other the later one counts.
pub(crate) fn parse(texts: &[String]) -> Result<Options> {
    let mut options = Options::default();
    for text in texts {
        let (key, value) = text.split_once(['=', ':']).unwrap_or((text, ""));
        match (key, value) {
            ("no-new-privileges", "" | "true") => options.no_new_privileges = true,
            ("no-new-privileges", "false") => options.no_new_privileges = false,
            ("seccomp", "unconfined") => options.seccomp = Filter::Unconfined,
            ("seccomp", "builtin") => options.seccomp = Filter::Docker,
            ("seccomp", file) if !file.is_empty() => options.seccomp = Filter::File(file.to_owned()),
            ("systempaths", "unconfined") => options.open_paths = true,
            ("label", "disable") | ("apparmor", "unconfined") => {}
            _ => return Err(refused(text, key)),
        }
    }
    Ok(options)
}

fn refused(text: &str, key: &str) -> crate::error::Error {
    usage(match key {
        "apparmor" | "label" => {
            format!(
                "--security-opt {text}: rbuild sets no {} profile or label",
                if key == "label" { "SELinux" } else { "AppArmor" }
            )
        }
        _ => format!(
            "--security-opt {text:?} is not known: there are seccomp=FILE, seccomp=unconfined, no-new-privileges and \
             systempaths=unconfined"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form() {
        let show = |text: &str| {
            let list: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            parse(&list).map_or_else(
                |error| error.to_string(),
                |o| format!("{:?} {} {}", o.seccomp, o.no_new_privileges, o.open_paths),
            )
        };
        let known =
            "is not known: there are seccomp=FILE, seccomp=unconfined, no-new-privileges and systempaths=unconfined";
        for (text, expected) in [
            ("", "Docker false false"),
            ("seccomp=unconfined", "Unconfined false false"),
            ("seccomp:unconfined seccomp=builtin", "Docker false false"),
            ("seccomp=./p.json", "File(\"./p.json\") false false"),
            ("no-new-privileges", "Docker true false"),
            ("no-new-privileges=true", "Docker true false"),
            ("no-new-privileges:true no-new-privileges=false", "Docker false false"),
            ("systempaths=unconfined label=disable apparmor=unconfined", "Docker false true"),
            ("apparmor=mine", "--security-opt apparmor=mine: rbuild sets no AppArmor profile or label"),
            ("label=type:x", "--security-opt label=type:x: rbuild sets no SELinux profile or label"),
            ("seccomp=", &format!("--security-opt \"seccomp=\" {known}")),
            ("no-new-privileges=maybe", &format!("--security-opt \"no-new-privileges=maybe\" {known}")),
            ("fast", &format!("--security-opt \"fast\" {known}")),
        ] {
            assert_eq!(show(text), expected, "of {text:?}");
        }
    }
}
