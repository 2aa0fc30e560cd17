//! `InvalidDefinitionDescription`: the comment above a named stage or an ARG describes it, as `# NAME text`.
use super::{Hits, Rule, Seen, Severity};
use crate::span::Text;
use crate::tree::{Args, Node};
use crate::unicode;

pub(super) const RULE: Rule = Rule {
    name: "InvalidDefinitionDescription",
    about: "the comment above a stage or an ARG does not begin with its name, so it is not shown as its description",
    page: Some("invalid-definition-description"),
    fix: "begin the comment with the name; if it is no description, put a line with only # below it",
    severity: Severity::Experimental,
    look,
};

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    let Seen::Written(node) = seen else { return };
    let Some(comment) = node.comments.last() else { return };
    let keyword = unicode::lower(&node.keyword.bytes).to_ascii_uppercase();
    let names = names(&keyword, node);
    let said = comment.bytes.split(|byte| *byte == b' ').next().unwrap_or_default();
    let example = match &names[..] {
        [] => return,
        _ if names.iter().any(|name| name.as_bytes() == said) => return,
        [only] => only,
        _ => "<arg_key>",
    };
    hits.here(format!("Comment for {keyword} should follow the format: `# {example} <description>`"));
}

/// What the instruction defines.
fn names(keyword: &str, node: &Node) -> Vec<String> {
    let Args::Words(words) = &node.args else { return Vec::new() };
    let name = |word: &Text| word.split_once(b'=').map_or_else(|| word.clone(), |(name, _)| name);
    match (keyword, &words[..]) {
        ("ARG", words) => words.iter().map(|word| name(word).to_str_lossy().into_owned()).collect(),
        ("FROM", [_, _, name]) => vec![unicode::lower(&name.bytes)],
        _ => Vec::new(),
    }
}

#[cfg(test)]
#[test]
fn comments_that_describe_something_else() {
    use super::testing::in_file;
    let text = "# a this\nARG a\n# wrong\nARG a=1\n# b\nFROM x AS B\n# wrong\nFROM x\n# B wrong\nARG c d\n# d right\nARG c d\n\
                # apart\n#\nARG e\n# wrong\nCOPY e f\n";
    assert_eq!(
        in_file(&RULE, text),
        [
            "4: Comment for ARG should follow the format: `# a <description>`",
            "10: Comment for ARG should follow the format: `# <arg_key> <description>`",
        ]
    );
}
