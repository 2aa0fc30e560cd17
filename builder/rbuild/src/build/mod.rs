//! A build from request to tag: the hops in order. Knows every room, and what each is for; does none of their work.

mod contexts;
mod foreign;
mod hint;
mod image;
mod keep;
mod plan;
mod steps;

pub use plan::plan;
pub use steps::StepMade;

use crate::args::OnError;
use crate::assemble::Image;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::export::{Product, exporter};
use crate::import::Images;
use crate::request::{Annotated, BuildRequest, Output, Times, entitlement};
use crate::solve::{Inputs, solve};
use crate::stack::{Shelf, Stack};
use contexts::Contexts;
use dockerfile_parser::lint::Linter;
use rbuild_graph::BuildGraph;
use rbuild_oci::{Descriptor, Digest, Index, MediaType, to_canonical_json};
use rbuild_registry::Client;
use std::sync::OnceLock;
use steps::Steps;

/// What a build came to.
#[derive(Debug)]
pub struct Built {
    /// An image a platform, in the order of the request.
    pub images: Vec<(Image, Stack)>,
    /// The index of the images, where one was asked for.
    pub index: Option<Vec<u8>>,
    /// What the tags point at: the image's manifest, or the index.
    pub top: Descriptor,
    /// The id to show: of the one image, or of the index.
    pub id: Digest,
    /// What the last output that holds an image points at.
    pub exported: Option<Descriptor>,
    /// What each step of the graph made, inputs before users; steps that make no files are not among them.
    pub steps: Vec<StepMade>,
    /// The time that later ones became, in seconds since 1970, where one was given.
    pub clamp: Option<i64>,
    /// Whether a tag points at it now that did not before.
    pub is_named_anew: bool,
}

/// Builds what a request asks for. `linter` sees the Dockerfile, and may refuse it before any work is done.
pub fn build(ctx: Ctx<'_>, request: &BuildRequest, client: &Client, linter: &mut Linter) -> Result<Built> {
    let images = Images::new(ctx.store, &request.named, client, ctx.cancel);
    let images = images.refreshing(request.pull).locked(request.lock.as_ref()).remembering(ctx.cache, ctx.clock);
    let graph = plan(request, &images, ctx.cancel, linter)?;
    if let Some(error) = Error::of_lint(linter) {
        return Err(error);
    }
    entitlement::check(&graph, &request.allowed)?;
    ctx.mounts.expect(&ctx, &graph);
    let contexts = Contexts::new(ctx, request);
    let fine = OnceLock::new();
    let (steps, project) = (Steps::of(&graph, ctx.store), request.project());
    let codecs: Vec<_> = Output::codecs(&request.outputs)?.into_iter().collect();
    let inputs = Inputs {
        identify: &|id, value, values| steps.keep(id, value, values),
        begin: &|| match fine.get() {
            Some(()) => Ok(()),
            None => foreign::check(&graph, ctx.executor).map(|()| *fine.get_or_init(|| ())),
        },
        context: &|name| contexts.open(name),
        image: &|image, arrival| images.stack(image, arrival),
        secret: &|id| request.secrets.get(id).map(|source| source.read(id)).transpose(),
        ssh: &|id| request.ssh.get(id).cloned(),
        project: &project,
        no_cache: request.no_cache,
        keep_failed: request.on_error == OnError::Shell,
        limits: &request.limits,
        confinement: OnceLock::new(),
        clamp: graph.source_date_epoch,
        codecs: &codecs,
        jobs: request.jobs,
    };
    let built = believing(ctx, &|| {
        let shelf = Shelf::new(ctx.store);
        let values = solve(ctx, &shelf, &graph, &inputs).map_err(|error| hint::of_step(request, error))?;
        let made = graph.targets.iter().map(|target| image::image(ctx, request, &graph, target, &values));
        let (images, came): (Vec<_>, Vec<_>) = made.collect::<Result<Vec<_>>>()?.into_iter().unzip();
        let mut built = Built::new(images, request)?;
        (built.steps, built.clamp) = (steps::made(&graph, &values), graph.source_date_epoch);
        let mut kept = keep::documents(ctx.store, &built)?;
        kept.layers_came = came.contains(&true);
        // Layers that are elsewhere may turn out lost while they go out: then no name is to stand for them.
        if kept.is_whole {
            built.is_named_anew = keep::name(ctx, request, &built, &kept)?;
        }
        built.exported = write(ctx, request, (&shelf, client), (&graph, &built))?;
        if !kept.is_whole {
            built.is_named_anew = keep::name(ctx, request, &built, &kept)?;
        }
        Ok(built)
    })?;
    contexts.remember()?;
    Ok(built)
}

/// How often a build begins again for layers that caches do not have after all: each time it believes fewer of them.
const ROUNDS: usize = 16;

/// Builds, and once more from the top each time that a layer which a cache was said to have cannot be had: what was done
/// by then is found, and what would have used the layer is done here.
fn believing(ctx: Ctx<'_>, round: &dyn Fn() -> Result<Built>) -> Result<Built> {
    let layers = ctx.store.layers();
    for number in 1..ROUNDS {
        let before = layers.forgotten();
        match round() {
            Err(error) if error.is_lost() && layers.forgotten() > before && ctx.cancel.check().is_ok() => {
                if number == 1 {
                    ctx.events.warning(&format!("{error}: what needs it is done here"));
                }
            }
            other => return other,
        }
    }
    round()
}

impl Built {
    /// The images with their annotations, and what the tags point at.
    fn new(images: Vec<(Image, Stack)>, request: &BuildRequest) -> Result<Self> {
        let notes = &request.annotations;
        let annotated = images.into_iter().map(|(image, stack)| Ok((image.annotated(notes)?, stack)));
        let images = annotated.collect::<Result<Vec<_>>>()?;
        if let ([(image, _)], false) = (&images[..], request.is_index) {
            let top = Descriptor { platform: None, ..image.manifest.clone() };
            let id = image.id.0;
            return Ok(Self {
                images,
                index: None,
                top,
                id,
                exported: None,
                steps: Vec::new(),
                clamp: None,
                is_named_anew: false,
            });
        }
        let manifests = images.iter().map(|(image, _)| image.manifest.clone()).collect();
        let annotations = notes.of(Annotated::Index, None);
        let index = to_canonical_json(&Index { annotations, ..Index::oci(manifests) })?;
        let annotations = notes.of(Annotated::IndexDescriptor, None);
        let top = Descriptor { annotations, ..Descriptor::of(MediaType::OCI_INDEX, &index) };
        let (index, id) = (Some(index), top.digest);
        Ok(Self { images, index, id, top, exported: None, steps: Vec::new(), clamp: None, is_named_anew: false })
    }
}

impl Built {
    /// The id for who goes on with the image elsewhere: of an index that was pushed it is the digest that it has there.
    pub fn id_to_tell(&self, request: &BuildRequest) -> Digest {
        let pushed = request.is_index && request.outputs.iter().any(|output| output.push);
        self.exported.as_ref().filter(|_| pushed).map_or(self.id, |exported| exported.digest)
    }
}

/// Writes all outputs; what the last of them that holds an image points at.
fn write(
    ctx: Ctx<'_>,
    request: &BuildRequest,
    (shelf, client): (&Shelf<'_>, &Client),
    (graph, built): (&BuildGraph, &Built),
) -> Result<Option<Descriptor>> {
    let (is_index, tags, notes) = (request.is_index, &request.tags[..], &request.annotations);
    let product = Product { images: &built.images, is_index, tags, notes };
    let mut exported = None;
    for output in &request.outputs {
        if output.times == Times::Epoch && graph.source_date_epoch.is_none() {
            ctx.events
                .warning("rewrite-timestamp=true needs SOURCE_DATE_EPOCH, which is not set: times stay as they are");
        }
        exported = exporter(output, client).export(&ctx, shelf, &product)?.or(exported);
    }
    Ok(exported)
}
