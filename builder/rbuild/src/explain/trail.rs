//! Finds the time before that is nearest to a step, and remembers this time for the next. Knows the cache, the store and a
//! step's place, not what it does.

use super::compare::{Side, compare};
use super::listing::Listing;
use super::why::Why;
use crate::error::{Error, Result};
use rbuild_graph::{BuildGraph, ImageOp, Place, redact};
use rbuild_oci::{Descriptor, Timestamp};
use rbuild_records::{CacheBackend, Recipe, StepName, Trace, Trail};
use rbuild_store::Store;

/// What a step stands on, for people.
#[derive(Clone, Copy, Debug, Default)]
pub struct Footing<'a> {
    /// The image that its stage begins with.
    pub base: Option<&'a ImageOp>,
    /// The number of the step before; none where that is the base image, or nothing.
    pub below: Option<usize>,
    /// The build that it is in.
    pub graph: Option<&'a BuildGraph>,
}

impl Footing<'_> {
    /// Name and digest of the base.
    fn base_text(&self) -> Option<String> {
        self.base.map(|image| {
            let name = image.reference.split_once('@').map_or(&*image.reference, |(name, _)| name);
            format!("{}@{}", redact(name), image.digest)
        })
    }

    /// Whether an instruction stands in the same Dockerfile: a result of it was none of a step that now reads otherwise.
    fn has(&self, text: &str) -> bool {
        self.graph.is_some_and(|graph| graph.vertices.iter().any(|vertex| vertex.place.text == text))
    }
}

/// A step that was not found and is about to be executed.
#[derive(Debug)]
pub struct Missed {
    names: [StepName; 2],
    recipe: Recipe,
    text: String,
    base: Option<String>,
    listing: Option<(Descriptor, Vec<u8>)>,
}

/// The names of a step: by what it says, wherever it stands, so that a line which was moved is found; and by where it
/// stands, so that one which was edited is.
pub fn names(place: &Place, project: &str) -> [StepName; 2] {
    let platform = place.platform.to_string();
    let keyword = place.text.split(' ').next().unwrap_or_default();
    [
        StepName::of(&["text", &place.stage, &place.text, &platform]),
        StepName::of(&["place", project, &place.stage, &place.step.to_string(), keyword, &platform]),
    ]
}

/// All that is known of the steps of these names.
pub fn known(cache: &dyn CacheBackend, names: &[StepName]) -> Trail {
    let trails = names.iter().filter_map(|name| cache.trail(name).ok());
    trails.fold(Trail::default(), Trail::merged)
}

impl Missed {
    /// A step of these names with this recipe, made from these files.
    pub fn new(
        names: [StepName; 2],
        (place, footing): (&Place, &Footing<'_>),
        recipe: &Recipe,
        files: &Listing,
    ) -> Result<Self> {
        let listing = files.pack().map_err(Error::io("list", "the files of a step"))?;
        let (text, base) = (place.text.clone(), footing.base_text());
        Ok(Self { names, recipe: recipe.clone(), text, base, listing })
    }

    /// Why it was not found, with the files that it is made from.
    pub fn why(&self, files: Listing, cache: &dyn CacheBackend, store: &Store, footing: &Footing<'_>) -> Why {
        let is_other = |trace: &Trace| trace.text != self.text;
        let stood = known(cache, &self.names[1..]);
        // A line that was moved left its place to another, which is new.
        let moved = stood.traces().first().is_some_and(|last| is_other(last) && footing.has(&last.text));
        let stood = stood.of(|trace| !is_other(trace) || (!moved && !footing.has(&trace.text)));
        let trail = known(cache, &self.names[..1]).merged(stood);
        let near = |list: &Descriptor| store.document(&list.digest).ok().flatten();
        let far = |list: &Descriptor| cache.files(list).ok().flatten();
        let (recipe, text, base) = (self.recipe.clone(), self.text.clone(), self.base.clone());
        let side = Side { recipe, text, base, files: Some(files) };
        why(&trail, &side, footing.below, &|list| near(list).or_else(|| far(list)))
    }

    /// Remembers that it was executed, for whoever asks the next time.
    pub fn leave(&self, cache: &dyn CacheBackend, store: &Store, created: Timestamp) -> Result<()> {
        if let Some((_, bytes)) = &self.listing {
            store.put_document(bytes)?;
        }
        let (recipe, text, base) = (self.recipe.clone(), self.text.clone(), self.base.clone());
        let files = self.listing.as_ref().map(|(files, _)| files.clone());
        let trace = Trace { recipe, text, base, files, created };
        self.names.iter().try_for_each(|name| cache.trace(name, &trace))?;
        Ok(())
    }
}

/// Why a step was not found, by what is known of it; `read` gets the blob of a listing.
pub fn why(trail: &Trail, is: &Side, below: Option<usize>, read: &dyn Fn(&Descriptor) -> Option<Vec<u8>>) -> Why {
    let Some(nearest) = nearest(trail, &is.recipe) else { return Why::New };
    if nearest.recipe.key() == is.recipe.key() {
        return Why::Lost;
    }
    let files = nearest.files.as_ref().and_then(read).and_then(|bytes| Listing::unpack(&bytes));
    let (recipe, text, base) = (nearest.recipe.clone(), nearest.text.clone(), nearest.base.clone());
    Why::Differs { differences: compare(&Side { recipe, text, base, files }, is, below) }
}

/// The trace that has most in common with a recipe; of several the latest.
fn nearest<'a>(trail: &'a Trail, recipe: &Recipe) -> Option<&'a Trace> {
    let common = |trace: &Trace| recipe.parts().iter().filter(|part| trace.recipe.parts().contains(part)).count();
    let is_alike = |trace: &&Trace| {
        let op = |recipe: &Recipe| recipe.parts().iter().find(|part| part.name == "op").cloned();
        op(&trace.recipe) == op(recipe)
    };
    // Of equals the last is taken, and the latest trace comes first.
    trail.traces().iter().rev().filter(is_alike).max_by_key(|trace| common(trace))
}
