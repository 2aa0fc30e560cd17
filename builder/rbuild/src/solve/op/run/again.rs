//! What a RUN mounted, said so that another process can mount the same later, without the build: binds take layers, caches
//! are known by all that tells them apart, nothing is required. Mounts nothing.

use crate::stack::Stack;
use rbuild_graph::{BindMount, CacheMount, Input, Mount, SecretMount, SshMount};
use rbuild_oci::DiffId;

/// The mounts, and the layers that they take by the number of their input.
#[derive(Debug, Default)]
pub(super) struct Again {
    /// In the order in which they are made.
    pub(super) mounts: Vec<Mount>,
    /// Lowest layer first.
    pub(super) inputs: Vec<Vec<DiffId>>,
}

impl Again {
    /// A bind of nothing.
    pub(super) fn empty(&mut self, bind: &BindMount) {
        self.mounts.push(Mount::Bind(bind.clone()));
    }

    /// A bind of all of a stack, or of the file in it.
    pub(super) fn bind(&mut self, bind: &BindMount, stack: &Stack, file: Option<&str>) {
        let (input, source) = (Some(Input(self.inputs.len() as u32)), format!("/{}", file.unwrap_or_default()));
        self.inputs.push(stack.diff_ids());
        self.mounts.push(Mount::Bind(BindMount { input, source, ..bind.clone() }));
    }

    /// A cache that is known by `identity` and is there.
    pub(super) fn cache(&mut self, cache: &CacheMount, identity: String) {
        let source = if cache.input.is_some() { "/".to_owned() } else { cache.source.clone() };
        let plain = CacheMount { id: identity, source, input: None, mode: 0o755, uid: 0, gid: 0, ..cache.clone() };
        self.mounts.push(Mount::Cache(plain));
    }

    /// What depends on no input and on no cache.
    pub(super) fn optional(&mut self, mount: &Mount) {
        match mount {
            Mount::Bind(_) | Mount::Cache(_) => {}
            Mount::Tmpfs(_) => self.mounts.push(mount.clone()),
            Mount::Secret(secret) => {
                self.mounts.push(Mount::Secret(SecretMount { required: false, ..secret.clone() }));
            }
            Mount::Ssh(ssh) => self.mounts.push(Mount::Ssh(SshMount { required: false, ..ssh.clone() })),
        }
    }
}
