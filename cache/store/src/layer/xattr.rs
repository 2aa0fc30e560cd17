//! Which extended attributes belong in layers. Knows names and the one value whose form differs between machines.

/// Holds the owner of a file that its process could not give away; see [`super::recorded_owner`].
pub(super) const RECORDED: &[u8] = b"user.rbuild.stat";

/// Holds file capabilities, as `struct vfs_cap_data` of linux/capability.h.
const CAPABILITY: &[u8] = b"security.capability";

/// Bytes of revision 2, all of revision 3 but the user namespace's root.
const REVISION_2: usize = 20;

/// Whether the attribute is of the store's own making: it is neither read from tarballs nor written to them.
pub fn is_internal(name: &[u8]) -> bool {
    const PREFIXES: [&[u8]; 3] = [b"trusted.overlay.", b"user.overlay.", b"user.fuseoverlayfs."];
    name == RECORDED || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The value as layers hold it: capabilities of revision 3, made in a user namespace, become revision 2.
pub fn portable(name: &[u8], mut value: Vec<u8>) -> Vec<u8> {
    if name == CAPABILITY && value.len() == REVISION_2 + 4 && value[3] == 3 {
        value[3] = 2;
        value.truncate(REVISION_2);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_lose_their_namespace_and_nothing_else() {
        let two = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let three = [&[1, 0, 0, 3][..], &two[4..], &[160, 134, 1, 0]].concat();
        assert_eq!(portable(CAPABILITY, three.clone()), two);
        assert_eq!(portable(CAPABILITY, two.to_vec()), two);
        assert_eq!(portable(b"user.x", three.clone()), three);
    }

    #[test]
    fn overlay_marks_and_recorded_owners_stay_at_home() {
        for name in ["trusted.overlay.opaque", "user.overlay.redirect", "user.rbuild.stat"] {
            assert!(is_internal(name.as_bytes()), "{name}");
        }
        assert!(!is_internal(b"user.overlays") && !is_internal(CAPABILITY));
    }
}
