//! Layers on top of each other, and what is known of each. Opens no file but indexes.

use crate::error::Result;
use rbuild_oci::{ChainId, DiffId};
use rbuild_store::layer::{LayerIndex, LayerRef, View};
use rbuild_store::snapshot::{LayerSource, OpenLayer, StackLayer};
use rbuild_store::{Layers, Store};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A stack of layers, lowest first. Cloning it is cheap.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    storeys: Arc<Vec<Arc<Storey>>>,
}

/// One layer of a stack.
#[derive(Clone, Debug)]
pub struct Storey {
    /// The layer.
    pub layer: LayerRef,
    /// The stack up to and with it.
    pub chain: ChainId,
}

impl Stack {
    /// The stack of these layers, lowest first.
    pub fn of(layers: impl IntoIterator<Item = LayerRef>) -> Self {
        layers.into_iter().fold(Self::default(), |stack, layer| stack.with(layer))
    }

    /// The same with one more layer on top.
    #[must_use]
    pub fn with(&self, layer: LayerRef) -> Self {
        let chain = ChainId::extend(self.chain().as_ref(), &layer.diff_id);
        let mut storeys = Vec::with_capacity(self.storeys.len() + 1);
        storeys.extend_from_slice(&self.storeys);
        storeys.push(Arc::new(Storey { layer, chain }));
        Self { storeys: Arc::new(storeys) }
    }

    /// The id of the whole stack; none for an empty one.
    pub fn chain(&self) -> Option<ChainId> {
        self.storeys.last().map(|storey| storey.chain)
    }

    /// The id of the whole stack as text for a recipe; `scratch` for an empty one.
    pub fn name(&self) -> String {
        self.chain().map_or_else(|| "scratch".to_owned(), |chain| chain.to_string())
    }

    /// The ids of the layers, lowest first.
    pub fn diff_ids(&self) -> Vec<DiffId> {
        self.storeys.iter().map(|storey| storey.layer.diff_id).collect()
    }

    /// The layers, lowest first.
    pub fn storeys(&self) -> &[Arc<Storey>] {
        &self.storeys
    }
}

/// The tarballs of a stack. Where one that is read is not here, those above it come with it.
#[derive(Debug)]
pub struct Source {
    layers: Layers,
    stack: Vec<DiffId>,
}

impl LayerSource for Source {
    fn open(&self, layer: &DiffId) -> rbuild_store::Result<OpenLayer> {
        if let Some(at) = self.stack.iter().position(|other| other == layer)
            && !self.layers.has(layer)?
        {
            self.layers.bring(&self.stack[at..])?;
        }
        self.layers.open(layer)
    }

    fn index_here(&self, layer: &DiffId) -> rbuild_store::Result<Option<LayerIndex>> {
        self.layers.index_here(layer)
    }
}

/// The indexes of layers, each read once a process.
#[derive(Debug)]
pub struct Shelf<'a> {
    store: &'a Store,
    read: Mutex<BTreeMap<DiffId, Arc<LayerIndex>>>,
}

impl<'a> Shelf<'a> {
    /// The indexes of that store.
    pub fn new(store: &'a Store) -> Self {
        Self { store, read: Mutex::default() }
    }

    /// The index of a layer; one that was lost is made again from the layer.
    pub fn index(&self, layer: &DiffId) -> Result<Arc<LayerIndex>> {
        if let Some(index) = self.lock().get(layer) {
            return Ok(index.clone());
        }
        let index = Arc::new(self.store.layers().index(layer)?);
        Ok(self.lock().entry(*layer).or_insert(index).clone())
    }

    /// Keeps the index of a layer that was just made.
    pub fn keep(&self, layer: DiffId, index: LayerIndex) -> Arc<LayerIndex> {
        self.lock().entry(layer).or_insert_with(|| Arc::new(index)).clone()
    }

    /// A stack as one tree.
    pub fn view(&self, stack: &Stack) -> Result<View> {
        Ok(View::new(self.indexes(stack)?))
    }

    /// A stack as storage drivers want it.
    pub fn stack_layers(&self, stack: &Stack) -> Result<Vec<StackLayer>> {
        let layers = stack.storeys().iter().zip(self.indexes(stack)?);
        Ok(layers
            .map(|(storey, index)| StackLayer { chain: storey.chain, diff: storey.layer.diff_id, index })
            .collect())
    }

    /// The indexes of a stack; those that are to be read come all at once.
    fn indexes(&self, stack: &Stack) -> Result<Vec<Arc<LayerIndex>>> {
        let ids = || stack.storeys().iter().map(|storey| &storey.layer.diff_id);
        let unread = {
            let read = self.lock();
            if let Some(all) = ids().map(|id| read.get(id).cloned()).collect() {
                return Ok(all);
            }
            ids().filter(|id| !read.contains_key(*id)).copied().collect::<Vec<_>>()
        };
        self.store.layers().bring_unlisted(&unread)?;
        ids().map(|id| self.index(id)).collect()
    }

    /// The tarballs of a stack for a storage driver, which reads them from the lowest that it has to unpack upwards.
    pub fn source(&self, stack: &Stack) -> Source {
        Source { layers: self.store.layers(), stack: stack.diff_ids() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<DiffId, Arc<LayerIndex>>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
