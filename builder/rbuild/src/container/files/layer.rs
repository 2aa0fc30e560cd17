//! The writable layer of a container with what it stands on, as it is at this moment. Changes nothing of it.

use super::strip::without_mount_points;
use crate::container::model::{Config, stack};
use crate::container::shelf::Containers;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use rbuild_store::layer::{Entry, View};
use rbuild_store::snapshot::{Draft, Snapshotter, StackLayer, kept_by};

/// A container's layer.
pub(super) struct Layer<'a> {
    snapshots: &'a dyn Snapshotter,
    stack: Vec<StackLayer>,
    /// What is below.
    pub(super) base: View,
    /// None of a container that never ran.
    pub(super) draft: Option<Draft>,
}

impl<'a> Layer<'a> {
    /// That of a container, to be looked at.
    pub(super) fn open(ctx: Ctx<'a>, config: &Config) -> Result<Self> {
        let snapshots = ctx.snapshots.get()?;
        let stack = stack(ctx.store, &config.image.layers)?;
        snapshots.ensure(&stack, &ctx.store.layers(), ctx.cancel)?;
        let place = Containers::new(ctx.store).dir(&config.id).join("upper");
        check_driver(config, kept_by(&place)?.as_deref(), ctx.snapshots.chosen()?.name)?;
        let draft = snapshots.look(&stack, &place, ctx.cancel)?;
        let base = View::new(stack.iter().map(|layer| layer.index.clone()).collect());
        Ok(Self { snapshots, stack, base, draft })
    }

    /// What was written, as the entries of a layer. Mount points, which come and go with the container's process, are
    /// none of it.
    pub(super) fn changes(&self, ctx: Ctx<'_>, config: &Config) -> Result<Vec<Entry>> {
        let Some(draft) = &self.draft else { return Ok(Vec::new()) };
        let changes = settled(|| Ok(self.snapshots.changes(draft, &self.base, ctx.cancel)?))?;
        for note in &changes.notes {
            ctx.events.note(note);
        }
        Ok(without_mount_points(changes.entries, &self.base, config))
    }

    /// The layers below, lowest first.
    pub(super) fn stack(&self) -> &[StackLayer] {
        &self.stack
    }
}

/// No driver can read what another one wrote.
fn check_driver(config: &Config, owner: Option<&str>, driver: &str) -> Result<()> {
    match owner.filter(|owner| *owner != driver) {
        None => Ok(()),
        Some(owner) => Err(Error::Unfit {
            name: config.name.clone(),
            reason: format!("is kept by the storage driver {owner}, and {driver} cannot read that"),
            hint: Some(format!("use --storage-driver {owner}")),
        }),
    }
}

/// Looks again, a few times, where a file went or grew while it was looked at: the container may run.
pub(super) fn settled<T>(look: impl Fn() -> Result<T>) -> Result<T> {
    const TRIES: usize = 8;
    let moved = |error: &Error| match error {
        Error::Store(rbuild_store::Error::Changed { .. }) => true,
        Error::Store(error) => error.is_not_found(),
        _ => false,
    };
    for _ in 1..TRIES {
        match look() {
            Err(error) if moved(&error) => {}
            other => return other,
        }
    }
    look()
}
