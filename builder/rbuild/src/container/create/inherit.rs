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
