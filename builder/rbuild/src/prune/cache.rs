//! The build cache as things: what no image, container or kept state needs, each layer with the records that lead to it,
//! and what made it. A layer counts as used when one on top of it was. Knows no size.

use super::{Class, Mark, Owner, Target, Thing};
use rbuild_oci::{ChainId, Digest, Timestamp};
use rbuild_records::{Output, Record};
use rbuild_store::{Bucket, Group, GroupKind, Store};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A part of the build cache.
pub(super) struct Part {
    pub(super) thing: Thing,
    /// How many layers it stands on, as far as that is known.
    pub(super) depth: usize,
    /// What needs that it stays, unless all is to go.
    pub(super) needed: Option<String>,
}

/// Those of the groups that nobody needs, as parts; `records` are all there are.
pub(super) fn parts(store: &Store, mark: &Mark, groups: Vec<Group>, records: &BTreeMap<PathBuf, Record>) -> Vec<Part> {
    let mut shelf = Shelf { mark, parts: Vec::new(), by_digest: BTreeMap::new(), by_chain: chains(records) };
    let makers = makers(records);
    let (of_records, others): (Vec<Group>, Vec<Group>) =
        groups.into_iter().partition(|group| group.kind == GroupKind::Record);
    for group in others {
        let made = group.digest().and_then(|digest| makers.get(&digest));
        shelf.add(store, group, made);
    }
    for group in of_records {
        let record = group.paths.first().and_then(|path| records.get(path));
        shelf.file(group, record);
    }
    shelf.propagate(records);
    shelf.lean();
    shelf.parts
}

struct Shelf<'a> {
    mark: &'a Mark,
    parts: Vec<Part>,
    by_digest: BTreeMap<Digest, usize>,
    /// The top layer of each known stack, and the stack below it.
    by_chain: BTreeMap<ChainId, (Digest, Option<ChainId>)>,
}

/// What made something.
struct Maker {
    what: String,
    created: Timestamp,
}

impl Shelf<'_> {
    fn add(&mut self, store: &Store, group: Group, made: Option<&Maker>) {
        let id = group.digest().map_or_else(|| group.name(), |digest| digest.hex());
        let (kind, plain) = match group.kind {
            GroupKind::Content(digest) => match made {
                Some(_) => ("regular", ""),
                None if group.paths.contains(&store.layer_index_path(&rbuild_oci::DiffId(digest))) => {
                    ("regular", "a layer")
                }
                None if store.layers().far_note(&rbuild_oci::DiffId(digest)).is_some() => {
                    ("regular", "where a layer is that may not be here")
                }
                None if !group.paths.contains(&store.blob_path(&digest)) => ("regular", "unpacked layers"),
                None => ("internal", "a document of an image or a step, or a download"),
            },
            GroupKind::Record => ("internal", "a record"),
            GroupKind::Step => ("internal", "what a step was made from before"),
            GroupKind::Files => ("source.local", "what the files of a context hash to"),
            GroupKind::Build => ("internal", "the log of a build"),
            GroupKind::Git
                if group.paths.iter().any(|path| path.starts_with(store.dir(Bucket::Git).join("checkouts"))) =>
            {
                ("source.git.checkout", "files checked out of git")
            }
            GroupKind::Git => ("source.git.checkout", "a git repository"),
            GroupKind::Mount => ("exec.cachemount", "a cache mount"),
        };
        let what = made.map_or_else(|| plain.to_owned(), |made| made.what.clone());
        if let Some(digest) = group.digest() {
            self.by_digest.insert(digest, self.parts.len());
        }
        let thing = Thing {
            class: Class::Cache,
            kind,
            id,
            what,
            created: made.map(|made| made.created),
            used: group.used,
            bytes: 0,
            why: "no image and no container needs it".to_owned(),
            groups: vec![(group, 0)],
            target: Target::Files,
        };
        self.parts.push(Part { thing, depth: 0, needed: None });
    }

    /// Puts a record with what it leads to, or by itself.
    fn file(&mut self, group: Group, record: Option<&Record>) {
        let digest = record.and_then(|record| match &record.output {
            Output::Layer { layer, .. } => Some(layer.diff_id.0),
            Output::Pinned { digest, .. } => Some(*digest),
            Output::Unchanged => record.parent.map(|parent| parent.0),
        });
        let top = |digest: &Digest| self.by_chain.get(&ChainId(*digest)).map(|(layer, _)| *layer);
        let place = digest.and_then(|digest| {
            let found = self.by_digest.get(&digest).copied();
            found.or_else(|| self.by_digest.get(&top(&digest)?).copied())
        });
        if let Some(place) = place {
            self.parts[place].thing.groups.push((group, 0));
            return;
        }
        let owner = digest.and_then(|digest| self.mark.first(&digest)).map(Owner::name);
        let begins = record.is_some_and(|record| record.output == Output::Unchanged && record.parent.is_none());
        let needed = owner.map(|owner| format!("the layer it leads to is needed by {owner}"));
        let needed = needed.or_else(|| begins.then(|| "it leads to an empty image".to_owned()));
        let made = record.map(|record| Maker { what: description(record), created: record.created });
        let (id, used) = (group.name().trim_end_matches(".json").to_owned(), group.used);
        let why = if record.is_some() { "what it leads to is not there any more" } else { "it is damaged" };
        let thing = Thing {
            class: Class::Cache,
            kind: "internal",
            id,
            what: made.as_ref().map_or_else(|| "a record".to_owned(), |made| format!("the record of {}", made.what)),
            created: made.map(|made| made.created),
            used,
            bytes: 0,
            why: if needed.is_some() { "all of the build cache is to go".to_owned() } else { why.to_owned() },
            groups: vec![(group, 0)],
            target: Target::Files,
        };
        self.parts.push(Part { thing, depth: 0, needed });
    }

    /// What is below was used when what is on top of it was, and goes later.
    fn propagate(&mut self, records: &BTreeMap<PathBuf, Record>) {
        for record in records.values() {
            let Some(top) = record.chain() else { continue };
            let Some((layer, _)) = self.by_chain.get(&top) else { continue };
            let Some(used) = self.by_digest.get(layer).map(|at| self.parts[*at].thing.used) else { continue };
            let (mut chain, mut below) = (Some(top), Vec::new());
            while let Some((layer, parent)) = chain.and_then(|chain| self.by_chain.get(&chain)) {
                below.push(*layer);
                chain = *parent;
            }
            let height = below.len();
            for (at, layer) in below.into_iter().enumerate() {
                if let Some(part) = self.by_digest.get(&layer).and_then(|at| self.parts.get_mut(*at)) {
                    part.thing.used = part.thing.used.max(used);
                    part.depth = part.depth.max(height - at);
                }
            }
        }
    }

    /// What a snapshot lies over was used when that was, and goes later.
    fn lean(&mut self) {
        let pairs = self.mark.leaning().iter().flat_map(|(over, under)| under.iter().map(move |under| [over, under]));
        for pair in pairs {
            let [Some(over), Some(under)] = pair.map(|digest| self.by_digest.get(digest).copied()) else { continue };
            let (used, depth) = (self.parts[over].thing.used, self.parts[under].depth + 1);
            self.parts[under].thing.used = self.parts[under].thing.used.max(used);
            self.parts[over].depth = self.parts[over].depth.max(depth);
        }
    }
}

/// The stacks that records lead to.
fn chains(records: &BTreeMap<PathBuf, Record>) -> BTreeMap<ChainId, (Digest, Option<ChainId>)> {
    let mut chains = BTreeMap::new();
    for record in records.values() {
        if let (Output::Layer { layer, .. }, Some(chain)) = (&record.output, record.chain()) {
            chains.insert(chain, (layer.diff_id.0, record.parent));
        }
    }
    chains
}

/// What made layers and downloads, and what is unpacked. Of several records of one result the one that says most counts.
fn makers(records: &BTreeMap<PathBuf, Record>) -> BTreeMap<Digest, Maker> {
    let mut makers: BTreeMap<Digest, Maker> = BTreeMap::new();
    for record in records.values() {
        let (what, created) = (description(record), record.created);
        let own = match &record.output {
            Output::Layer { layer, .. } => layer.diff_id.0,
            Output::Pinned { digest, .. } => *digest,
            Output::Unchanged => continue,
        };
        let stack = record.chain().map(|chain| chain.0).filter(|stack| *stack != own && record.parent.is_some());
        for (digest, what) in stack.map(|stack| (stack, format!("unpacked: {what}"))).into_iter().chain([(own, what)]) {
            if makers.get(&digest).is_none_or(|known| known.what.ends_with(UNKNOWN)) {
                makers.insert(digest, Maker { what, created });
            }
        }
    }
    makers
}

const UNKNOWN: &str = "a step";

/// What a step did, as far as its recipe says.
fn description(record: &Record) -> String {
    let part = |name: &str| record.recipe.parts().iter().find(|part| part.name == name).map(|part| &*part.value);
    match (part("command"), part("fetch"), part("op")) {
        (Some(command), ..) => format!("RUN {command}"),
        (_, Some(address), _) => format!("a download of {address}"),
        (.., Some(op)) => op.to_uppercase(),
        _ => UNKNOWN.to_owned(),
    }
}
