//! `--volumes-from CONTAINER[:ro|rw][,z]`.

use super::usage;
use crate::error::Result;

/// Whose mounts to take over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VolumesFrom {
    /// The container, by name or id.
    pub(crate) container: String,
    /// Whether nothing can be written through any of them; else each stays as it is there.
    pub(crate) read_only: bool,
}

/// One `--volumes-from`. SELinux labels have no effect here.
pub(crate) fn parse(text: &str) -> Result<VolumesFrom> {
    let (container, options) = text.split_once(':').unwrap_or((text, ""));
    let wrong =
        |why: &str| usage(format!("--volumes-from {text:?} is not valid: {why}; write CONTAINER, perhaps with :ro"));
    if container.is_empty() {
        return Err(wrong("it names no container"));
    }
    let (mut access, mut label) = (None, None);
    for option in options.split(',').filter(|_| text.contains(':')) {
        let group = match option {
            "ro" | "rw" => &mut access,
            "z" | "Z" => &mut label,
            _ => return Err(wrong(&format!("there is no option {option:?}"))),
        };
        if group.replace(option).is_some() {
            return Err(wrong(&format!("{option:?} says again or contradicts what is before it")));
        }
    }
    Ok(VolumesFrom { container: container.to_owned(), read_only: access == Some("ro") })
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn every_form() {
        let tail = "; write CONTAINER, perhaps with :ro";
        check(
            |text| parse(text).map(|from| (from.container, from.read_only)),
            &[
                ("box", "(\"box\", false)"),
                ("box:ro", "(\"box\", true)"),
                ("box:rw", "(\"box\", false)"),
                ("box:z,ro", "(\"box\", true)"),
                ("", &format!("--volumes-from \"\" is not valid: it names no container{tail}")),
                ("box:", &format!("--volumes-from \"box:\" is not valid: there is no option \"\"{tail}")),
                (
                    "box:nocopy",
                    &format!("--volumes-from \"box:nocopy\" is not valid: there is no option \"nocopy\"{tail}"),
                ),
                (
                    "box:ro,rw",
                    &format!(
                        "--volumes-from \"box:ro,rw\" is not valid: \"rw\" says again or contradicts what is before it{tail}"
                    ),
                ),
            ],
        );
    }
}
