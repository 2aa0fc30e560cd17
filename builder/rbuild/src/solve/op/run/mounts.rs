//! What a RUN mounts: binds of contexts and stages, cache directories, memory, secrets, ssh agents. Mounts nothing; says
//! what to mount, and holds what must last as long as the process.

use super::again::Again;
use super::agent::Agent;
use super::cache_dir::{self, CacheDir, Wanted};
use super::key::Shown;
pub(super) use super::key::Shown as Keyed;
use crate::ctx::CacheId;
use crate::error::{Error, Result};
use crate::rootfs::{Sync, rootfs};
use crate::solve::layer::{self, Copied, Data};
use crate::solve::select::{self, Match};
use crate::solve::{Value, Work};
use crate::stack::Stack;
use crate::tree::{StageTree, Tree};
use rbuild_graph::{BindMount, CacheMount, Mount, RunOp, SecretMount, SshMount, TmpfsMount};
use rbuild_runner::{Access, IdMap, InjectedFile, MountSpec, Propagation, Rootfs, Source, Tmpfs};
use rbuild_store::RootDir;
use rbuild_store::snapshot::{self, Draft, FuseOverlay, Place};
use std::collections::BTreeMap;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// The mounts of one process, and what they need to exist.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// What is mounted.
    pub(super) mounts: Vec<MountSpec>,
    /// What exists in memory only.
    pub(super) files: Vec<InjectedFile>,
    /// Secrets that are variables.
    pub(super) env: Vec<(String, Vec<u8>)>,
    /// The same for another time.
    pub(super) again: Again,
    drafts: Vec<Draft>,
    agents: Vec<Agent>,
    caches: BTreeMap<String, CacheDir>,
}

/// Makes ready what the mounts of a RUN show.
pub(super) fn prepare(work: &Work<'_>, run: &RunOp, inputs: &[&Value], keyed: &Shown<'_>) -> Result<Surroundings> {
    let mut surroundings = Surroundings { caches: caches(work, run, inputs, keyed)?, ..Surroundings::default() };
    for mount in &run.mounts {
        match mount {
            Mount::Bind(bind) => surroundings.bind(work, bind, inputs, keyed)?,
            Mount::Cache(cache) => surroundings.cache(cache, keyed)?,
            Mount::Tmpfs(tmpfs) => surroundings.tmpfs(tmpfs),
            Mount::Secret(secret) => surroundings.secret(work, secret)?,
            Mount::Ssh(ssh) => surroundings.ssh(work, ssh)?,
        }
        surroundings.again.optional(mount);
    }
    Ok(surroundings)
}

impl Surroundings {
    fn bind(&mut self, work: &Work<'_>, bind: &BindMount, inputs: &[&Value], keyed: &Shown<'_>) -> Result<()> {
        let access = if bind.writable { Access::ReadWrite } else { Access::ReadOnly };
        let Some(input) = bind.input else {
            self.mount(Source::Tmpfs(Tmpfs::new(None, 0o755)), &bind.target, access);
            self.again.empty(bind);
            return Ok(());
        };
        let (stack, file) = whole_or_picked(work, inputs[input.0 as usize], &bind.source, keyed.get(&*bind.target))?;
        let draft = prepared(work, &stack)?;
        self.again.bind(bind, &stack, file.as_deref());
        let source = match file {
            Some(name) => Source::Path(file_of(draft.rootfs(), &name, access)?),
            None => match rootfs(&draft, Sync::Ignored)? {
                Rootfs::Overlay(overlay) => Source::Overlay(overlay),
                Rootfs::Bind(path) => Source::Path(path),
                Rootfs::Mounted(mounted) => Source::Mounted(mounted),
            },
        };
        self.mount(source, &bind.target, access);
        self.drafts.push(draft);
        Ok(())
    }

    fn cache(&mut self, cache: &CacheMount, keyed: &Shown<'_>) -> Result<()> {
        let dir =
            self.caches.get(&identity(cache, keyed)).ok_or_else(|| Error::Step(format!("no cache {:?}", cache.id)))?;
        let access = if cache.read_only { Access::ReadOnly } else { Access::ReadWrite };
        let source = match cache.input {
            None if cache.source != "/" => within(&dir.path, &cache.source)?,
            _ => Source::Path(dir.path.clone()),
        };
        self.mount(source, &cache.target, access);
        self.again.cache(cache, identity(cache, keyed));
        Ok(())
    }

    fn tmpfs(&mut self, tmpfs: &TmpfsMount) {
        let access = if tmpfs.read_only { Access::ReadOnly } else { Access::ReadWrite };
        let size = (tmpfs.size > 0).then_some(tmpfs.size);
        self.mount(Source::Tmpfs(Tmpfs::new(size, 0o1777)), &tmpfs.target, access);
    }

    fn secret(&mut self, work: &Work<'_>, secret: &SecretMount) -> Result<()> {
        let Some(content) = (work.inputs.secret)(&secret.id)? else {
            if secret.required {
                return Err(Error::NotGiven { what: "secret", id: secret.id.clone() });
            }
            return Ok(());
        };
        if let Some(name) = &secret.env {
            self.env.push((name.clone(), content.clone()));
        }
        if let Some(target) = &secret.target {
            self.files.push(InjectedFile {
                path: target.clone().into_bytes(),
                content,
                mode: secret.mode,
                uid: secret.uid,
                gid: secret.gid,
                access: Access::ReadOnly,
            });
        }
        Ok(())
    }

    fn ssh(&mut self, work: &Work<'_>, ssh: &SshMount) -> Result<()> {
        match (work.inputs.ssh)(&ssh.id) {
            Some(socket) => {
                let owner = (*work.ctx.ids != IdMap::Single).then_some((ssh.uid, ssh.gid));
                let agent = Agent::new(work.ctx.store, socket, ssh.mode, owner)?;
                self.mount(Source::Path(agent.path()), &ssh.target, Access::ReadWrite);
                self.agents.push(agent);
            }
            None if ssh.required => return Err(Error::NotGiven { what: "ssh", id: ssh.id.clone() }),
            None => {}
        }
        Ok(())
    }

    fn mount(&mut self, source: Source, target: &str, access: Access) {
        let target = target.as_bytes().to_vec();
        self.mounts.push(MountSpec { source, target, access, propagation: Propagation::Private });
    }
}

/// The cache directories of a RUN, each once, taken in one order by every step so that no two wait for each other.
fn caches(work: &Work<'_>, run: &RunOp, inputs: &[&Value], keyed: &Shown<'_>) -> Result<BTreeMap<String, CacheDir>> {
    let mut wanted = BTreeMap::new();
    for mount in &run.mounts {
        if let Mount::Cache(cache) = mount {
            wanted.entry(identity(cache, keyed)).or_insert(cache);
        }
    }
    let take = |(name, cache): (String, &CacheMount)| {
        let (mount, called) = (CacheId { id: &cache.id, identity: &name }, work.ctx.mounts.called(&name));
        let wanted = Wanted {
            name: &called,
            sharing: cache.sharing,
            bring: &|place| work.ctx.mounts.bring(&work.ctx, &mount, place),
            fill: &|place| fill(work, cache, inputs, place),
        };
        let dir = cache_dir::take(work.ctx.store, &wanted, work.ctx.cancel)?;
        work.ctx.mounts.used(&mount);
        Ok((name, dir))
    };
    wanted.into_iter().map(take).collect()
}

/// A file or directory in a cache that is there already; links lead no further than the cache.
fn within(cache: &Path, source: &str) -> Result<Source> {
    let (root, path) = (RootDir::open(cache)?, source.trim_start_matches('/').as_bytes());
    let found = if root.stat_following(path)?.is_dir() {
        let directory = root.subroot(path)?;
        directory.top().as_fd().try_clone_to_owned().map_err(Error::io("open", source))?
    } else {
        root.open_file(path)?.into()
    };
    Ok(Source::Fd(Arc::new(found)))
}

/// What tells one cache from another: its id, and what it begins with where that is more than an empty directory of root.
fn identity(cache: &CacheMount, keyed: &Shown<'_>) -> String {
    let CacheMount { id, mode, uid, gid, .. } = cache;
    let content = cache.input.and(keyed.get(&*cache.target)).map_or("", String::as_str);
    match (mode, uid, gid, content) {
        (0o755, 0, 0, "") => id.clone(),
        _ => format!("{id}\n{mode:o} {uid}:{gid} {content}"),
    }
}

/// Makes an empty directory what a cache starts with. With a single id there is no other owner.
fn fill(work: &Work<'_>, cache: &CacheMount, inputs: &[&Value], place: &Path) -> Result<()> {
    if *work.ctx.ids != IdMap::Single {
        chown(place, Some(cache.uid), Some(cache.gid)).map_err(Error::io("change the owner of", place.display()))?;
    }
    let mode = fs::Permissions::from_mode(cache.mode);
    fs::set_permissions(place, mode).map_err(Error::io("change the mode of", place.display()))?;
    let Some(input) = cache.input else { return Ok(()) };
    let stack = stack_of(work, inputs[input.0 as usize], &cache.source)?;
    let (layers, ownership) = (work.ctx.store.layers(), work.ctx.snapshots.ownership());
    Ok(layers.unpack_into(&stack.diff_ids(), place, ownership, work.ctx.cancel)?)
}

/// The file of that name in the topmost layer; to be written to, a copy of it in the upper directory.
fn file_of(rootfs: &snapshot::Rootfs, name: &str, access: Access) -> Result<PathBuf> {
    let (lowers, upper) = match rootfs {
        snapshot::Rootfs::Directory(path) => return Ok(path.join(name)),
        snapshot::Rootfs::Overlay { lowers, upper, .. } | snapshot::Rootfs::Fuse(FuseOverlay { lowers, upper, .. }) => {
            (lowers, upper)
        }
    };
    let top = lowers.first().ok_or_else(|| Error::Step("a bind mount has no layer".to_owned()))?;
    let (file, copy) = (top.join(name), upper.join(name));
    if access == Access::ReadOnly {
        return Ok(file);
    }
    fs::copy(&file, &copy).map_err(Error::io("copy", file.display()))?;
    let owner = fs::metadata(&file).map_err(Error::io("stat", file.display()))?;
    chown(&copy, Some(owner.uid()), Some(owner.gid())).map_err(Error::io("change the owner of", copy.display()))?;
    Ok(copy)
}

/// The layers that show `source` of an input, and the name of the file in them where it is a single file.
fn whole_or_picked(
    work: &Work<'_>,
    value: &Value,
    source: &str,
    keyed: Option<&String>,
) -> Result<(Stack, Option<String>)> {
    let whole = matches!(value, Value::Files(..)) && source == "/";
    if whole { Ok((value.stack()?.clone(), None)) } else { pick(work, value, source, keyed) }
}

/// A place that shows a stack.
fn prepared(work: &Work<'_>, stack: &Stack) -> Result<Draft> {
    let (layers, snapshots) = (work.shelf.stack_layers(stack)?, work.ctx.snapshots.get()?);
    snapshots.ensure(&layers, &work.shelf.source(stack), work.ctx.cancel)?;
    Ok(snapshots.prepare(&layers, Place::Temporary, work.ctx.cancel)?)
}

fn stack_of(work: &Work<'_>, value: &Value, source: &str) -> Result<Stack> {
    pick(work, value, source, None).map(|(stack, _)| stack)
}

/// What lies at `source` of an input as a stack of its own: the contents of a directory, or a file called `file`. It is
/// what the step is keyed by, where it is keyed by it.
fn pick(work: &Work<'_>, value: &Value, source: &str, keyed: Option<&String>) -> Result<(Stack, Option<String>)> {
    const FILE: &str = "file";
    let stage;
    let tree: &dyn Tree = match value {
        Value::Files(stack, _) => {
            stage = StageTree::new(work.ctx.store, work.shelf.view(stack)?, stack);
            &stage
        }
        Value::Tree(tree) => &**tree,
    };
    let matches = select::select_plain(tree, source)?;
    let is_as_keyed = |keyed: &String| *keyed == select::digest(&matches).to_string();
    if matches!(value, Value::Tree(_)) && !keyed.is_none_or(is_as_keyed) {
        return Err(select::changed(tree, source));
    }
    let Some(Match { entry, below, .. }) = matches.into_iter().next() else {
        return Ok((Stack::default(), None));
    };
    let file = (!entry.node.is_directory()).then(|| FILE.to_owned());
    let to: Vec<u8> = file.clone().unwrap_or_default().into();
    let copied = Rc::new(Copied { tree, from: entry.path.clone(), to });
    let entries = std::iter::once(entry).chain(below).map(|entry| copied.placed(entry));
    let fresh = layer::write(work, entries.map(|entry| (entry, Some(Data::Tree(copied.clone())))))?;
    work.shelf.keep(fresh.layer.diff_id, fresh.index);
    Ok((Stack::default().with(fresh.layer), file))
}
