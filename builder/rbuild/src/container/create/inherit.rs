//! PURE. What a container takes over of the mounts of others: `--volumes-from`.

use crate::container::model::{Config, Mount, MountKind};

/// The binds and volumes of `sources`, each of which may be made read-only; of two with one target the later one's. An
/// anonymous volume goes on belonging to the container that it was made for.
pub(crate) fn inherited<'a>(sources: impl IntoIterator<Item = (&'a Config, bool)>) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = Vec::new();
    for (config, read_only) in sources {
        for mount in &config.mounts {
            let Some(mount) = take_over(mount, read_only) else { continue };
            mounts.retain(|earlier| earlier.target != mount.target);
            mounts.push(mount);
        }
    }
    mounts
}

fn take_over(mount: &Mount, read_only: bool) -> Option<Mount> {
    let mut mount = mount.clone();
    mount.read_only |= read_only;
    match &mut mount.kind {
        MountKind::Bind(_) => {}
        MountKind::Volume(volume) => volume.anonymous = false,
        MountKind::Tmpfs(_) | MountKind::Image(_) => return None,
    }
    Some(mount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::create::Identity;
    use crate::container::model::{ContainerId, Tmpfs, Volume};
    use crate::container::shelf::testing;
    use rbuild_oci::Timestamp;

    fn config(mounts: &[(&str, &str, bool)]) -> Config {
        let id = ContainerId::parse(&"ab".repeat(32)).unwrap();
        let identity = Identity { id, name: "box".into(), created: Timestamp::default() };
        let kind = |name: &str| match name {
            "memory" => MountKind::Tmpfs(Tmpfs::default()),
            name => MountKind::Volume(Volume {
                name: Some(name.to_owned()),
                anonymous: name.len() == 64,
                ..Volume::default()
            }),
        };
        let mount = |(target, name, read_only): &(&str, &str, bool)| Mount {
            target: (*target).to_owned(),
            read_only: *read_only,
            kind: kind(name),
        };
        Config { mounts: mounts.iter().map(mount).collect(), ..testing::config(identity) }
    }

    #[test]
    fn later_containers_win_and_nothing_is_owned() {
        let hex = "cd".repeat(32);
        let one = config(&[("/a", &hex, false), ("/b", "data", false), ("/t", "memory", false)]);
        let two = config(&[("/b", "other", true), ("/c", "more", false)]);
        let show = |sources: &[(&Config, bool)]| {
            let text = |mount: &Mount| {
                let MountKind::Volume(volume) = &mount.kind else { panic!("no volume") };
                assert!(!volume.anonymous);
                let name = volume.name.as_deref().unwrap();
                format!("{}={}{}", mount.target, &name[..4], if mount.read_only { ":ro" } else { "" })
            };
            inherited(sources.iter().copied()).iter().map(text).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(show(&[(&one, false), (&two, false)]), "/a=cdcd /b=othe:ro /c=more");
        assert_eq!(show(&[(&two, false), (&one, true)]), "/c=more /a=cdcd:ro /b=data:ro");
        assert_eq!(show(&[]), "");
    }
}
