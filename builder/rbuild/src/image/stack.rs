//! Images as a forest of the layers they stand on: a layer on top of the same layers is one node, whoever uses it.

use super::Row;
use rbuild_oci::{ChainId, DiffId};

/// An image by its label and its lines.
#[derive(Clone, Debug)]
pub struct Stacked {
    /// What it is called.
    pub label: String,
    /// Its lines, oldest first.
    pub rows: Vec<Row>,
}

/// A layer in a forest, or several that nothing parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// The stack up to here.
    pub chain: ChainId,
    /// The layers of this node, lowest first; one until the forest is compacted.
    pub layers: Vec<DiffId>,
    /// What made the last of them.
    pub created_by: String,
    /// The images that have no layer above this one.
    pub images: Vec<String>,
    /// What stands on it.
    pub above: Vec<Self>,
}

/// The forest of all layers of these images, in the order they come.
pub fn stacks(images: &[Stacked]) -> Vec<Level> {
    let mut forest = Vec::new();
    for image in images {
        let mut levels = &mut forest;
        let steps: Vec<&Row> = image.rows.iter().filter(|row| row.layer.is_some()).collect();
        for (at, row) in steps.iter().enumerate() {
            let (Some(layer), Some(chain)) = (row.layer, row.chain) else { continue };
            let found = levels.iter().position(|level: &Level| level.chain == chain);
            let place = found.unwrap_or(levels.len());
            if found.is_none() {
                let created_by = row.history.created_by.clone();
                levels.push(Level { chain, layers: vec![layer], created_by, images: Vec::new(), above: Vec::new() });
            }
            if at + 1 == steps.len() {
                levels[place].images.push(image.label.clone());
            }
            levels = &mut levels[place].above;
        }
    }
    forest
}

/// The same with layers joined that only ever come together: a node ends where an image ends or stacks part.
pub fn compact(forest: Vec<Level>) -> Vec<Level> {
    forest.into_iter().map(join).collect()
}

fn join(mut level: Level) -> Level {
    while level.images.is_empty() && level.above.len() == 1 {
        let Some(next) = level.above.pop() else { break };
        let layers = level.layers.into_iter().chain(next.layers).collect();
        level = Level { layers, ..next };
    }
    level.above = compact(level.above);
    level
}

#[cfg(test)]
mod tests {
    use super::*;
    use rbuild_oci::{Digest, History, ImageId};

    fn image(label: &str, layers: &str) -> Stacked {
        let diff_ids: Vec<DiffId> =
            layers.chars().map(|char| DiffId(Digest::of(char.to_string().as_bytes()))).collect();
        let row = |at: usize| Row {
            id: ImageId(Digest::of(b"")),
            history: History { created_by: layers[at..=at].to_owned(), ..History::default() },
            layer: Some(diff_ids[at]),
            chain: ChainId::of_layers(&diff_ids[..=at]),
        };
        Stacked { label: label.to_owned(), rows: (0..diff_ids.len()).map(row).collect() }
    }

    fn show(forest: &[Level]) -> String {
        let level = |level: &Level| {
            let (count, images) = (level.layers.len(), level.images.join("+"));
            let above = if level.above.is_empty() { String::new() } else { format!("[{}]", show(&level.above)) };
            format!("{}{count}{images}{above}", level.created_by)
        };
        forest.iter().map(level).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn shared_layers_are_one_node() {
        let images = [image("app", "abcd"), image("base", "a"), image("app2", "abce"), image("other", "bc")];
        let forest = stacks(&images);
        assert_eq!(show(&forest), "a1base[b1[c1[d1app e1app2]]] b1[c1other]");
        assert_eq!(show(&compact(forest)), "a1base[c2[d1app e1app2]] c2other");
    }
}
