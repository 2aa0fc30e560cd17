//! A Dockerfile looked at without being built: for `graph` and for the questions of `--call`. Runs where it stands,
//! needs no namespace.

use super::globals::Globals;
use crate::args::BuildArgs;
use crate::build::plan;
use crate::ctx::SystemClock;
use crate::download::Download;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::git;
use crate::import::Images;
use crate::import::context::complete;
use crate::lock::{self, Content, Lock};
use crate::reach::Reach;
use crate::request::BuildRequest;
use dockerfile_parser::lint::Linter;
use rbuild_graph::{BuildGraph, Op};
use rbuild_oci::Cancel;
use rbuild_records::LocalBackend;
use rbuild_registry::{Address, Client, Config};
use rbuild_store::Store;
use std::sync::atomic::AtomicBool;

/// A request with all that it lacks brought, and the store that knows images.
pub(super) struct Look {
    /// The request.
    pub(super) request: BuildRequest,
    store: Store,
    client: Client,
    network: Config,
    cache: LocalBackend,
    cancel: Cancel,
}

impl Look {
    /// Resolves the arguments and brings a context that lies elsewhere.
    pub(super) fn new(args: &BuildArgs, globals: &Globals) -> Result<Self> {
        let mut request = BuildRequest::resolve(args, &|name| std::env::var(name).ok())?;
        let (store, cancel) = (globals.store()?, Cancel::new());
        let (cache, wrote) = (LocalBackend::of(&store), AtomicBool::new(false));
        let events = Events::default();
        let network = globals.network();
        complete(Reach::outside(&store, &cache, &network, (&events, &cancel), &wrote), &mut request)?;
        let client = globals.registries(&cancel);
        Ok(Self { request, store, client, network, cache, cancel })
    }

    /// The graph; of images it reads configurations only.
    pub(super) fn plan(&self, linter: &mut Linter) -> Result<BuildGraph> {
        plan(&self.request, &self.images(), &self.cancel, linter)
    }

    /// A lock with all that the graph asks for: downloads are brought for that, repositories are only asked.
    pub(super) fn lock(&self, mut lock: Lock, linter: &mut Linter) -> Result<Lock> {
        let images = self.images();
        let graph = plan(&self.request, &images, &self.cancel, linter)?;
        lock.entries.images = images.pins();
        let (events, wrote) = (Events::default(), AtomicBool::new(false));
        let secret = |id: &str| self.request.secrets.get(id).map(|source| source.read(id)).transpose();
        let agent = |id: &str| self.request.ssh.get(id).cloned();
        let outside = Reach::outside(&self.store, &self.cache, &self.network, (&events, &self.cancel), &wrote);
        let reach = Reach { secret: &secret, agent: &agent, ..outside };
        for (_, vertex) in graph.iter() {
            let place = &vertex.place;
            asked(&reach, &vertex.op, &mut lock).map_err(|source| {
                let (step, span) = (place.to_string(), place.span);
                Error::At { step, span, hint: None, source: Box::new(source) }
            })?;
        }
        Ok(lock)
    }

    fn images(&self) -> Images<'_> {
        let images = Images::new(&self.store, &self.request.named, &self.client, &self.cancel);
        let images = images.refreshing(self.request.pull).locked(self.request.lock.as_ref());
        images.remembering(&self.cache, &SystemClock)
    }
}

/// Notes what an operation asks for, unless it says so itself.
fn asked(reach: &Reach<'_>, op: &Op, lock: &mut Lock) -> Result<()> {
    match op {
        Op::Fetch(fetch) if fetch.checksum.is_none() => {
            let wrong = || Error::Step("a URL to add is not of the form http(s)://HOST/PATH".to_owned());
            let address = Address::parse(&fetch.url).ok_or_else(wrong)?;
            let download = Download::new(reach, &address);
            let body = download.get(download.known()?)?;
            let content = Content { digest: body.digest, modified: body.mtime };
            lock.entries.files.insert(lock::address(fetch), content);
        }
        Op::Git(git) if git::pinned(git)?.is_none() => {
            lock.entries.commits.insert(lock::repository(git), git::commit(reach, git)?);
        }
        _ => {}
    }
    Ok(())
}
