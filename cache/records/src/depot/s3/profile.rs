//! AWS' own files of credentials and settings: `~/.aws/credentials` and `~/.aws/config`. Only keys that stand there are
//! taken; what has to be asked of somebody (roles, single sign-on, programs) is not.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// What a profile says, by name; what credentials says counts before config. Empty where there are no files. Fails where
/// a profile is asked for by `AWS_PROFILE` and is in neither.
pub(super) fn read(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<BTreeMap<String, String>, String> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let file = |name: &str, usual: &str| {
        let home = || set("HOME").map(|home| PathBuf::from(home).join(".aws").join(usual));
        set(name).map(PathBuf::from).or_else(home).and_then(|path| std::fs::read_to_string(path).ok())
    };
    let asked = set("AWS_PROFILE").map(|name| name.to_string_lossy().into_owned());
    let name = asked.as_deref().unwrap_or("default");
    let config = file("AWS_CONFIG_FILE", "config").unwrap_or_default();
    let credentials = file("AWS_SHARED_CREDENTIALS_FILE", "credentials").unwrap_or_default();
    let of_config = section(&config, &format!("profile {name}")).or_else(|| section(&config, name));
    let of_credentials = section(&credentials, name);
    if asked.is_some() && of_config.is_none() && of_credentials.is_none() {
        return Err(format!("there is no profile {name}, which AWS_PROFILE names, in AWS' files of credentials"));
    }
    let mut all = of_config.unwrap_or_default();
    all.extend(of_credentials.unwrap_or_default());
    Ok(all)
}

/// The settings below `[name]`. Indented lines belong to the setting above them and are none of ours.
fn section(text: &str, name: &str) -> Option<BTreeMap<String, String>> {
    let mut found = None;
    let mut inside = false;
    for line in text.lines().filter(|line| !line.starts_with([' ', '\t', '#', ';'])) {
        if let Some(title) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            inside = title.split_whitespace().eq(name.split_whitespace());
            if inside {
                found.get_or_insert_with(BTreeMap::new);
            }
        } else if let (true, Some(settings), Some((key, value))) = (inside, found.as_mut(), line.split_once('=')) {
            settings.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read_of_both_files() {
        let place = tempfile::tempdir().unwrap();
        let files = place.path().join(".aws");
        std::fs::create_dir(&files).unwrap();
        std::fs::write(files.join("config"), "[default]\nregion = a\n[profile ci]\nregion = b\ns3 =\n  region = x\n")
            .unwrap();
        std::fs::write(files.join("credentials"), "# mine\n[ci]\naws_access_key_id=I\naws_secret_access_key = S=\n")
            .unwrap();
        let read = |profile: Option<&str>| {
            read(&|name| match name {
                "HOME" => Some(place.path().into()),
                "AWS_PROFILE" => profile.map(OsString::from),
                _ => None,
            })
        };
        assert_eq!(read(None).unwrap(), BTreeMap::from([("region".to_owned(), "a".to_owned())]));
        let ci = read(Some("ci")).unwrap();
        assert_eq!((&*ci["region"], &*ci["aws_access_key_id"], &*ci["aws_secret_access_key"]), ("b", "I", "S="));
        assert!(read(Some("other")).unwrap_err().contains("no profile other"));
    }
}
