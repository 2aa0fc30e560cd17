//! A Dockerfile looked at without being built: for `graph` and for the questions of `--call`. Runs where it stands,
//! needs no namespace.

use super::globals::Globals;
use crate::args::BuildArgs;
use crate::build::plan;
use crate::ctx::SystemClock;
use crate::error::Result;
use crate::events::Events;
use crate::import::Images;
use crate::import::context::complete;
use crate::reach::Reach;
use crate::request::BuildRequest;
use dockerfile_parser::lint::Linter;
use rbuild_graph::BuildGraph;
use rbuild_oci::Cancel;
use rbuild_records::LocalBackend;
use rbuild_registry::Client;
use rbuild_store::Store;
use std::sync::atomic::AtomicBool;

/// A request with all that it lacks brought, and the store that knows images.
pub(super) struct Look {
    /// The request.
    pub(super) request: BuildRequest,
    store: Store,
    client: Client,
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
        Ok(Self { request, store, client, cache, cancel })
    }

    /// The graph; of images it reads configurations only.
    pub(super) fn plan(&self, linter: &mut Linter) -> Result<BuildGraph> {
        let images = Images::new(&self.store, &self.request.named, &self.client, &self.cancel);
        let images = images.refreshing(self.request.pull).remembering(&self.cache, &SystemClock);
        plan(&self.request, &images, &self.cancel, linter)
    }
}
