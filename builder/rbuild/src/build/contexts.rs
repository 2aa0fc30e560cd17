//! The contexts of a build, each opened when a step first needs it. Knows no step.

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::request::{BuildRequest, ContextPlace, Named, ignored_in};
use crate::tree::{ContextTree, EmptyTree, Ignored, Tree};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

/// The contexts that were opened, and all that may be.
pub(super) struct Contexts<'a> {
    ctx: Ctx<'a>,
    request: &'a BuildRequest,
    open: Mutex<BTreeMap<Option<String>, Arc<dyn Tree>>>,
    directories: Mutex<Vec<Arc<ContextTree>>>,
}

impl<'a> Contexts<'a> {
    /// The contexts of a request, none of them open.
    pub(super) fn new(ctx: Ctx<'a>, request: &'a BuildRequest) -> Self {
        Self { ctx, request, open: Mutex::default(), directories: Mutex::default() }
    }

    /// The context of that name; none is the main one.
    pub(super) fn open(&self, name: Option<&str>) -> Result<Arc<dyn Tree>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tree) = open.get(&name.map(str::to_owned)) {
            return Ok(tree.clone());
        }
        let tree = match name {
            None => self.main()?,
            Some(name) => self.named(name)?,
        };
        open.insert(name.map(str::to_owned), tree.clone());
        Ok(tree)
    }

    /// Keeps the digests that were read, if any were. A build that needed nothing else written does not fail for it.
    pub(super) fn remember(&self) -> Result<()> {
        let directories = self.directories.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = directories.iter().try_for_each(|tree| tree.remember());
        if self.ctx.wrote.load(Ordering::Relaxed) { kept } else { Ok(()) }
    }

    fn main(&self) -> Result<Arc<dyn Tree>> {
        let source = &self.request.dockerfile;
        match &source.context {
            ContextPlace::Empty => Ok(Arc::new(EmptyTree)),
            ContextPlace::Tree(tree) => Ok(tree.clone()),
            ContextPlace::Directory(path) => self.directory("the build context", path, source.ignored.clone()),
        }
    }

    fn named(&self, name: &str) -> Result<Arc<dyn Tree>> {
        match self.request.named.get(name) {
            Some(Named::Directory(path)) => self.directory(&format!("the context {name:?}"), path, ignored_in(path)?),
            _ => Err(Error::Step(format!("there is no context {name:?}"))),
        }
    }

    fn directory(&self, name: &str, path: &Path, ignored: Ignored) -> Result<Arc<dyn Tree>> {
        let tree = Arc::new(ContextTree::open(name, path, ignored, self.ctx.store, self.ctx.cancel)?);
        self.directories.lock().unwrap_or_else(PoisonError::into_inner).push(tree.clone());
        Ok(tree)
    }
}
