//! Trees of lines with branches drawn before them. Knows no image.

/// A line and what hangs below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// The line; tabs separate columns.
    pub line: String,
    /// What is below it.
    pub below: Vec<Self>,
}

impl Tree {
    /// A line with nothing below it.
    pub fn leaf(line: impl Into<String>) -> Self {
        Self { line: line.into(), below: Vec::new() }
    }

    /// The lines of a forest.
    pub fn draw(forest: &[Self]) -> String {
        let mut out = String::new();
        for tree in forest {
            out.push_str(&tree.line);
            out.push('\n');
            tree.draw_below("", &mut out);
        }
        out
    }

    fn draw_below(&self, indent: &str, out: &mut String) {
        for (at, tree) in self.below.iter().enumerate() {
            let (branch, next) = if at + 1 == self.below.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            out.extend([indent, branch, &tree.line, "\n"]);
            tree.draw_below(&format!("{indent}{next}"), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_are_drawn() {
        let inner = Tree { line: "b".to_owned(), below: vec![Tree::leaf("c"), Tree::leaf("d")] };
        let forest = [Tree { line: "a".to_owned(), below: vec![inner, Tree::leaf("e")] }, Tree::leaf("f")];
        assert_eq!(Tree::draw(&forest), "a\n├─ b\n│  ├─ c\n│  └─ d\n└─ e\nf\n");
    }
}
