//! What a verb that prunes says at its end, in docker's words. PURE: text only.

use crate::render::human;
use std::fmt::{self, Display, Formatter};

/// What went, kind by kind, and the bytes that it took.
#[derive(Clone, Debug, Default)]
pub(super) struct Reclaimed {
    lists: String,
    bytes: u64,
}

impl Reclaimed {
    /// Further things that went, one a line under a heading such as `Deleted Containers`; no heading if there are none.
    pub(super) fn and<T: Display>(mut self, heading: &str, gone: &[T], bytes: u64) -> Self {
        if !gone.is_empty() {
            let lines: String = gone.iter().map(|item| format!("{item}\n")).collect();
            self.lists.extend([heading, ":\n", &lines, "\n"]);
        }
        Self { lists: self.lists, bytes: self.bytes + bytes }
    }
}

impl Display for Reclaimed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}Total reclaimed space: {}", self.lists, human::precise_size(self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_list_and_all_one_sum() {
        assert_eq!(Reclaimed::default().to_string(), "Total reclaimed space: 0B\n");
        let gone =
            Reclaimed::default().and("Deleted Containers", &["a", "b"], 1500).and("Deleted Volumes", &[""; 0], 0);
        let gone = gone.and("Deleted Images", &["untagged: x"], 340);
        let text = "Deleted Containers:\na\nb\n\nDeleted Images:\nuntagged: x\n\nTotal reclaimed space: 1.84kB\n";
        assert_eq!(gone.to_string(), text);
    }
}
