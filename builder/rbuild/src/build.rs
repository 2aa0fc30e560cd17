//! A build from request to tag: the eight hops in order. Knows every room, and what each is for; does none of their work.

use crate::assemble::{self, Image};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::export::{self, Product, exporter};
use crate::foreign;
use crate::import::Images;
use crate::request::{Annotated, BuildRequest, ContextPlace, Named, Times, entitlement};
use crate::solve::{Inputs, Made, Value, solve};
use crate::stack::{Shelf, Stack};
use crate::tree::{ContextTree, EmptyTree, Tree};
use dockerfile_parser::ignore::{Matcher, Patterns};
use dockerfile_parser::lint::Linter;
use rbuild_graph::{Answers, BuildGraph, Outcome, Target, VertexId, lower};
use rbuild_oci::{Cancel, Descriptor, Digest, ImageId, Index, MediaType, Timestamp, to_canonical_json};
use rbuild_records::{Output, Recipe, Record};
use rbuild_registry::Client;
use rbuild_store::content::ContentStore;
use rbuild_store::{FileCache, RootDir, Store};
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// What a build came to.
#[derive(Debug)]
pub struct Built {
    /// An image a platform, in the order of the request.
    pub images: Vec<(Image, Stack)>,
    /// What the tags point at: the image's manifest, or an index of several.
    pub top: Descriptor,
    /// The id to show: of the one image, or of the index.
    pub id: Digest,
    /// What the last output that holds an image points at.
    pub exported: Option<Descriptor>,
}

/// Builds what a request asks for. `linter` sees the Dockerfile, and may refuse it before any work is done.
pub fn build(ctx: Ctx<'_>, request: &BuildRequest, client: &Client, linter: &mut Linter) -> Result<Built> {
    let images = Images::new(ctx.store, &request.named, client, ctx.cancel).refreshing(request.pull);
    let graph = plan(request, &images, ctx.cancel, linter)?;
    Error::of_lint(linter).map_or(Ok(()), Err)?;
    entitlement::check(&graph, &request.allowed)?;
    let contexts = Contexts::new(ctx, request);
    let fine = OnceLock::new();
    let inputs = Inputs {
        begin: &|| match fine.get() {
            Some(()) => Ok(()),
            None => foreign::check(&graph, ctx.executor).map(|()| *fine.get_or_init(|| ())),
        },
        context: &|name| contexts.open(name),
        image: &|image, arrival| images.stack(image, arrival),
        secret: &|id| request.secrets.get(id).map(|source| source.read(id)).transpose(),
        ssh: &|id| request.ssh.get(id).cloned(),
        no_cache: request.no_cache,
        limits: &request.limits,
        clamp: graph.source_date_epoch,
        jobs: request.jobs,
    };
    let shelf = Shelf::new(ctx.store);
    let values = solve(ctx, &shelf, &graph, &inputs).map_err(|error| with_near_secret(request, error))?;
    let value = |id: VertexId| values.get(id);
    let mut images = Vec::new();
    for target in &graph.targets {
        let stack = match target.result {
            Some(id) => value(id).ok_or_else(|| Error::Step("the target was not built".into()))?.stack()?.clone(),
            None => Stack::default(),
        };
        let image = image(ctx, &graph, target, &stack, &value)?;
        images.push((image.annotated(&request.annotations)?, stack));
    }
    let mut built = finish(images, request)?;
    keep(ctx, request, &built)?;
    built.exported = write(ctx, request, &shelf, (&graph, &built))?;
    contexts.remember(ctx)?;
    Ok(built)
}

/// Parses and lowers, answering the graph's questions until it has no more.
pub fn plan(request: &BuildRequest, images: &Images<'_>, cancel: &Cancel, linter: &mut Linter) -> Result<BuildGraph> {
    let file = dockerfile_parser::parse_linted(&request.dockerfile.bytes, linter)?;
    let mut answers = Answers::new();
    loop {
        cancel.check()?;
        match lower(&file, &request.graph, &answers, linter)? {
            Outcome::Done(graph) => return Ok(*graph),
            Outcome::Need(questions) => {
                for question in &questions {
                    let answer = images.answer(question).map_err(|error| asked(question, images, error))?;
                    answers.insert(question.ask.clone(), answer);
                }
            }
        }
    }
}

/// An error about an image, at the place that asks for it.
fn asked(question: &rbuild_graph::Question, images: &Images<'_>, source: Error) -> Error {
    if source.is_canceled() {
        return source;
    }
    let near = || images.near(&question.ask).map(|near| format!("did you mean {near}? It is in the store"));
    let hint = question.hint.clone().or_else(near);
    Error::At { step: question.ask.to_string(), span: question.span, hint, source: Box::new(source) }
}

/// A secret that a step misses may have been given under another id.
fn with_near_secret(request: &BuildRequest, error: Error) -> Error {
    let Error::At { step, span, hint, source } = error else { return error };
    let near = match &*source {
        Error::NotGiven { what: "secret", id } => {
            dockerfile_parser::nearest(id, request.secrets.keys().map(String::as_str))
        }
        _ => None,
    };
    let hint = near.map(|near| format!("did you mean {near}? A secret of that id is given")).or(hint);
    Error::At { step, span, hint, source }
}

/// The image of a target. Times that no step tells are remembered by what else is in the image, so that the same build
/// gives the same bytes.
fn image<'v>(
    ctx: Ctx<'_>,
    graph: &BuildGraph,
    target: &Target,
    stack: &Stack,
    value: &dyn Fn(VertexId) -> Option<&'v Value>,
) -> Result<Image> {
    let outcomes = |id: VertexId| -> Option<Made> {
        match value(id)? {
            Value::Files(_, made) => Some(made.clone()),
            Value::Tree(_) => None,
        }
    };
    let assemble = |time| assemble::assemble(target, stack.storeys(), &outcomes, time);
    if let Some(epoch) = graph.source_date_epoch {
        return assemble(Timestamp::from_seconds(epoch));
    }
    let timeless = assemble(Timestamp::default())?;
    let recipe = Recipe::new().with("op", "assemble").with("image", timeless.id.to_string());
    if let Some(record) = ctx.cache.get(&recipe.key())? {
        return assemble(record.created);
    }
    let image = assemble(ctx.clock.now())?;
    if image != timeless {
        let (parent, output, created) = (stack.chain(), Output::Unchanged, ctx.clock.now());
        let image = assemble(created)?;
        ctx.cache.put(&Record { recipe, parent, output, created })?;
        return Ok(image);
    }
    Ok(image)
}

/// Writes all outputs; what the last of them that holds an image points at.
fn write(
    ctx: Ctx<'_>,
    request: &BuildRequest,
    shelf: &Shelf<'_>,
    (graph, built): (&BuildGraph, &Built),
) -> Result<Option<Descriptor>> {
    let images: Vec<_> = built.images.iter().map(|(image, stack)| export::Built { image, stack }).collect();
    let (is_index, tags, notes) = (request.is_index, &request.tags[..], &request.annotations);
    let product = Product { images: &images, is_index, tags, notes };
    let mut exported = None;
    for output in &request.outputs {
        if output.times == Times::Epoch && graph.source_date_epoch.is_none() {
            ctx.events
                .warning("rewrite-timestamp=true needs SOURCE_DATE_EPOCH, which is not set: times stay as they are");
        }
        exported = exporter(output).export(&ctx, shelf, &product)?.or(exported);
    }
    Ok(exported)
}

/// What the tags point at.
fn finish(images: Vec<(Image, Stack)>, request: &BuildRequest) -> Result<Built> {
    if let ([(image, _)], false) = (&images[..], request.is_index) {
        let top = Descriptor { platform: None, ..image.manifest.clone() };
        let id = image.id.0;
        return Ok(Built { images, top, id, exported: None });
    }
    let bytes = index(&images, request)?;
    let annotations = request.annotations.of(Annotated::IndexDescriptor, None);
    let top = Descriptor { annotations, ..Descriptor::of(MediaType::OCI_INDEX, &bytes) };
    Ok(Built { images, id: top.digest, top, exported: None })
}

/// The index of several images.
fn index(images: &[(Image, Stack)], request: &BuildRequest) -> Result<Vec<u8>> {
    let annotations = request.annotations.of(Annotated::Index, None);
    let manifests = images.iter().map(|(image, _)| image.manifest.clone()).collect();
    Ok(to_canonical_json(&Index { annotations, ..Index::oci(manifests) })?)
}

/// Keeps the images' documents and sets the tags; what they need is on the disk before.
fn keep(ctx: Ctx<'_>, request: &BuildRequest, built: &Built) -> Result<()> {
    let store = ctx.store;
    let mut needed = Vec::new();
    for (image, stack) in &built.images {
        for bytes in [&image.config_bytes, &image.manifest_bytes] {
            store.put_document(bytes)?;
        }
        let rows = keep_rows(store, image)?.into_iter().map(|row| row.0);
        needed.extend(rows.chain([image.manifest.digest]).map(|digest| store.blob_path(&digest)));
        for storey in stack.storeys() {
            needed.push(store.blob_path(&storey.layer.diff_id.0));
            // One that was lost is made again when it is asked for.
            needed.extend(Some(store.layer_index_path(&storey.layer.diff_id)).filter(|path| path.exists()));
        }
    }
    if request.is_index {
        needed.push(store.blob_path(&store.put_document(&index(&built.images, request)?)?));
    }
    if request.tags.is_empty() {
        return Ok(());
    }
    let tags: Vec<_> = request.tags.iter().map(|tag| (tag.clone(), built.top.clone())).collect();
    let known = tags.iter().map(|(tag, top)| Ok(store.refs().get(tag)?.is_some_and(|tag| tag.descriptor == *top)));
    if known.collect::<Result<Vec<_>>>()?.contains(&false) {
        needed.extend(ctx.written.take_written());
        rbuild_store::durable::sync_batch(&needed)?;
        store.refs().set(&tags, ctx.clock.now())?;
    }
    Ok(())
}

/// Keeps the images that end at each line of an image's history; the ids of them all, the image's own last.
fn keep_rows(store: &Store, image: &Image) -> Result<Vec<ImageId>> {
    let histories = store.history();
    if let Some(rows) = histories.get(&image.id)? {
        let content = store.content();
        if rows.iter().try_fold(true, |all, row| Ok::<_, Error>(all && content.has(&row.0)?))? {
            return Ok(rows);
        }
    }
    let mut rows = Vec::new();
    for earlier in image.earlier()? {
        store.put_document(&earlier.config_bytes)?;
        rows.push(earlier.id);
    }
    rows.push(image.id);
    histories.put(&image.id, &rows)?;
    Ok(rows)
}

/// The contexts of a build, each opened when a step first needs it.
struct Contexts<'a> {
    ctx: Ctx<'a>,
    request: &'a BuildRequest,
    open: Mutex<BTreeMap<Option<String>, Arc<dyn Tree>>>,
    caches: Mutex<Vec<Arc<ContextTree>>>,
}

impl<'a> Contexts<'a> {
    fn new(ctx: Ctx<'a>, request: &'a BuildRequest) -> Self {
        Self { ctx, request, open: Mutex::default(), caches: Mutex::default() }
    }

    fn open(&self, name: Option<&str>) -> Result<Arc<dyn Tree>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tree) = open.get(&name.map(str::to_owned)) {
            return Ok(tree.clone());
        }
        let tree = self.make(name)?;
        open.insert(name.map(str::to_owned), tree.clone());
        Ok(tree)
    }

    fn make(&self, name: Option<&str>) -> Result<Arc<dyn Tree>> {
        let source = &self.request.dockerfile;
        match (name, &source.context) {
            (None, ContextPlace::Empty) => Ok(Arc::new(EmptyTree)),
            (None, ContextPlace::Tree(tree)) => Ok(tree.clone()),
            (None, ContextPlace::Directory(path)) => {
                let ignore = source.ignore.as_ref().map_or_else(String::new, |(name, _)| name.clone());
                self.directory("the build context", path, (ignore, self.request.graph.ignore.clone()))
            }
            (Some(name), _) => match self.request.named.get(name) {
                Some(Named::Directory(path)) => {
                    let ignore = named_ignore(path)?;
                    self.directory(&format!("the context {name:?}"), path, ignore)
                }
                _ => Err(Error::Step(format!("there is no context {name:?}"))),
            },
        }
    }

    fn directory(&self, name: &str, path: &Path, ignore: (String, Matcher)) -> Result<Arc<dyn Tree>> {
        let root = RootDir::open(path)?;
        let remembered = FileCache::open(self.ctx.store, path)?;
        let tree = ContextTree::new(name, root, ignore, remembered, self.ctx.cancel.clone());
        let tree = Arc::new(match store_within(self.ctx.store, path) {
            Some(store) => tree.without_store(store),
            None => tree,
        });
        self.caches.lock().unwrap_or_else(PoisonError::into_inner).push(tree.clone());
        Ok(tree)
    }

    /// Keeps the digests that were read, unless the build wrote nothing else.
    fn remember(&self, ctx: Ctx<'_>) -> Result<()> {
        if !ctx.wrote.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.caches.lock().unwrap_or_else(PoisonError::into_inner).iter().try_for_each(|tree| tree.remember())
    }
}

/// The path of the store in a directory that it lies in.
fn store_within(store: &Store, directory: &Path) -> Option<Vec<u8>> {
    let (store, directory) = (store.root().canonicalize().ok()?, directory.canonicalize().ok()?);
    let path = store.strip_prefix(directory).ok()?.as_os_str().as_bytes().to_vec();
    (!path.is_empty()).then_some(path)
}

/// The `.dockerignore` of a named directory.
fn named_ignore(path: &Path) -> Result<(String, Matcher)> {
    let file = path.join(".dockerignore");
    match std::fs::read(&file) {
        Ok(bytes) => {
            let patterns = Patterns::read(&bytes);
            let name = file.display().to_string();
            let patterns = patterns.map_err(|error| Error::Ignore { name, bytes, source: Box::new(error) })?;
            Ok((file.display().to_string(), Matcher::new(patterns)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok((String::new(), Matcher::default())),
        Err(error) => Err(Error::io("read", file.display())(error)),
    }
}
