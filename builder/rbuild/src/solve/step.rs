//! A step that makes at most one layer: look up under its recipes, else make, keep and record. Knows no operation.

use super::{Made, Shown, Value, Work};
use crate::ctx::{Ctx, Place};
use crate::error::{Error, Result};
use crate::events::Event;
use crate::explain::{self, Listing, Missed, Why};
use crate::stack::Stack;
use rbuild_oci::{ChainId, Timestamp};
use rbuild_records::{Output, Recipe, Record, StepName};
use rbuild_store::Landed;
use rbuild_store::layer::LayerRef;
use std::ops::RangeInclusive;
use std::time::SystemTime;

/// A step in the course of being solved.
pub struct Step<'a> {
    work: &'a Work<'a>,
    parent: &'a Stack,
    recipes: Vec<Recipe>,
    /// When the step began to be made, by the clock that files go by.
    began: Option<SystemTime>,
    /// Whether it was told why the step is made.
    told: bool,
    missed: Option<Missed>,
}

/// What became of a fresh layer.
#[derive(Debug)]
pub struct Kept {
    /// The stack with the step's layer.
    pub stack: Stack,
    /// What to tell.
    pub value: (Value, Shown),
    /// Whether the fresh layer itself is in it, and not one from before that differs in times only.
    pub fresh: bool,
}

impl<'a> Step<'a> {
    /// A step on `parent`; its recipes follow.
    pub const fn new(work: &'a Work<'a>, parent: &'a Stack) -> Self {
        Self { work, parent, recipes: Vec::new(), began: None, told: false, missed: None }
    }

    /// A recipe that begins with what every step has in common: what it does, its parent and what times become.
    pub fn recipe(&self, parent: &Stack) -> Recipe {
        let op = &self.work.vertex.op;
        let recipe = Recipe::new().with("op", op.kind()).with("parent", parent.name());
        let recipe = op.parts().into_iter().fold(recipe, |recipe, (name, value)| recipe.with(name, value));
        match self.work.inputs.clamp {
            Some(clamp) => recipe.with("latest-time", clamp.to_string()),
            None => recipe,
        }
    }

    /// Looks a recipe up; on a miss it is one of those under which the result will be recorded.
    pub fn look_up(&mut self, recipe: Recipe) -> Result<Option<(Value, Shown)>> {
        let Work { step, ctx, .. } = *self.work;
        let key = recipe.key();
        ctx.events.send(&Event::Keyed { step, names: &self.names(), key });
        let found =
            if self.work.inputs.no_cache || self.work.vertex.renewed { None } else { self.work.ctx.cache.get(&key)? };
        if let Some(record) = found
            && let Some(stack) = self.usable(&record)?
        {
            for missed in self.recipes.drain(..) {
                self.work.ctx.cache.put(&Record { recipe: missed, ..record.clone() })?;
            }
            return Ok(Some((self.value(stack, record.created), Shown::Cached)));
        }
        self.recipes.push(recipe);
        Ok(None)
    }

    /// Does what reads files that somebody may edit meanwhile: once more if they did, and no further.
    pub fn settled<T>(&mut self, mut attempt: impl FnMut(&mut Self) -> Result<T>) -> Result<T> {
        match attempt(self) {
            Err(Error::Store(rbuild_store::Error::Changed { subject })) => {
                self.work.ctx.events.note(&format!("{subject} changed while it was read: starting over"));
                self.recipes.clear();
                attempt(self).map_err(|error| match error {
                    Error::Store(rbuild_store::Error::Changed { subject }) => Error::ContextChanged { path: subject },
                    other => other,
                })
            }
            other => other,
        }
    }

    /// Called before the step is made: refuses where this process may not, and tells that the step begins.
    pub fn begin(&mut self) -> Result<()> {
        self.begin_with(|| Ok(Listing::default()))
    }

    /// The same for a step that files go into, which are listed only then.
    pub fn begin_with(&mut self, files: impl FnOnce() -> Result<Listing>) -> Result<()> {
        (self.work.inputs.begin)()?;
        if self.work.ctx.place == Place::Outside {
            return Err(Error::NeedsNamespace);
        }
        self.work.ctx.cancel.check()?;
        if self.began.is_none() {
            self.began = Some(SystemTime::now());
            let (step, name) = (self.work.step, &self.work.vertex.place.to_string());
            self.work.ctx.store.hold()?;
            self.work.ctx.wrote.store(true, std::sync::atomic::Ordering::Relaxed);
            self.work.ctx.events.send(&Event::Started { step, name });
        }
        let files = files()?;
        self.missed(&files)?;
        if let Some(missed) = self.missed.as_ref().filter(|_| !self.told) {
            let why = self.why(missed, files);
            self.work.ctx.events.send(&Event::Missed { step: self.work.step, why: &why });
            self.told = true;
        }
        Ok(())
    }

    /// Notes what the step is made from, by its last recipe, which says most.
    fn missed(&mut self, files: &Listing) -> Result<()> {
        let Some(recipe) = self.recipes.last() else { return Ok(()) };
        let about = (&self.work.vertex.place, &self.work.footing);
        self.missed = Some(Missed::new(self.names(), about, recipe, files)?);
        Ok(())
    }

    fn why(&self, missed: &Missed, files: Listing) -> Why {
        let Work { ctx, inputs, vertex, footing, .. } = self.work;
        match (inputs.no_cache, vertex.renewed) {
            (true, _) => Why::Asked { option: "--no-cache".to_owned() },
            (_, true) => Why::Asked { option: "--no-cache-filter".to_owned() },
            _ => missed.why(files, ctx.cache, ctx.store, footing),
        }
    }

    /// What the step is called.
    fn names(&self) -> [StepName; 2] {
        explain::names(&self.work.vertex.place, self.work.inputs.project)
    }

    /// Records that the step changed nothing; where it did not before either, it keeps the time of then.
    pub fn unchanged(&self) -> Result<(Value, Shown)> {
        let mut created = self.now();
        for recipe in &self.recipes {
            match self.work.ctx.cache.get(&recipe.key())? {
                Some(record) if record.output == Output::Unchanged => created = record.created,
                _ => {}
            }
        }
        self.record(&Output::Unchanged, created)?;
        Ok((self.value(self.parent.clone(), created), Shown::Done))
    }

    /// Records the layer the step made. Where a step on the same parent gave the same before, but for the times at which
    /// it did so, that layer is kept, so that what follows stays cached.
    pub fn keep(&self, fresh: Landed) -> Result<Kept> {
        let timeless = fresh.index.timeless_digest(&self.own_times());
        let same = Recipe::new()
            .with("same-result", self.parent.name())
            .with("but for its own times", timeless.to_string())
            .with("latest-time", self.work.inputs.clamp.map_or_else(String::new, |clamp| clamp.to_string()));
        let before = self.work.ctx.cache.get(&same.key())?;
        if let Some(record) = &before
            && let Some(stack) = self.usable(record)?
        {
            self.record(&record.output, record.created)?;
            let own = stack.chain() == Some(ChainId::extend(self.parent.chain().as_ref(), &fresh.layer.diff_id));
            if own {
                fresh.beside.keep(&fresh.layer.diff_id);
            }
            let value = (self.value(stack.clone(), record.created), Shown::Done);
            return Ok(Kept { stack, value, fresh: own });
        }
        let created = self.now();
        let output = Output::Layer { layer: fresh.layer.clone(), timeless };
        fresh.beside.keep(&fresh.layer.diff_id);
        self.work.shelf.keep(fresh.layer.diff_id, fresh.index);
        self.record(&output, created)?;
        self.work.ctx.cache.put(&Record { recipe: same, parent: self.parent.chain(), output, created })?;
        let stack = self.parent.with(fresh.layer);
        let value = (self.value(stack.clone(), created), Shown::Done);
        Ok(Kept { stack, value, fresh: true })
    }

    /// The seconds in which the step was made; the times that the kernel gives to files are some milliseconds behind.
    fn own_times(&self) -> RangeInclusive<i64> {
        let now = Timestamp::from(SystemTime::now()).seconds;
        let began = self.began.map_or(now, |began| Timestamp::from(began).seconds);
        began - 1..=now
    }

    /// The time of files that the step makes itself, in seconds since 1970.
    pub fn now(&self) -> Timestamp {
        let now = self.work.ctx.clock.now();
        self.work.inputs.clamp.map_or(now, |clamp| now.min(Timestamp::from_seconds(clamp)))
    }

    fn record(&self, output: &Output, created: Timestamp) -> Result<()> {
        for recipe in &self.recipes {
            let parent = self.parent.chain();
            self.work.ctx.cache.put(&Record { recipe: recipe.clone(), parent, output: output.clone(), created })?;
        }
        let Ctx { cache, store, clock, .. } = self.work.ctx;
        self.missed.as_ref().map_or(Ok(()), |missed| missed.leave(cache, store, clock.now()))
    }

    /// The stack a record leads to, if it is of this parent and its layer is here, or can be had once it is read.
    fn usable(&self, record: &Record) -> Result<Option<Stack>> {
        if record.parent != self.parent.chain() {
            return Ok(None);
        }
        match &record.output {
            Output::Unchanged => Ok(Some(self.parent.clone())),
            Output::Layer { layer, .. } if self.is_within_reach(layer)? => Ok(Some(self.parent.with(layer.clone()))),
            Output::Layer { .. } | Output::Pinned { .. } => Ok(None),
        }
    }

    fn is_within_reach(&self, layer: &LayerRef) -> Result<bool> {
        let store = self.work.ctx.store;
        Ok(store.layers().has(&layer.diff_id)? || store.brings() && store.layers().far(&layer.diff_id)?.is_some())
    }

    fn value(&self, stack: Stack, created: Timestamp) -> Value {
        let layers = stack.storeys().len() - self.parent.storeys().len();
        Value::Files(stack, Made { layers, created: Some(created) })
    }
}
