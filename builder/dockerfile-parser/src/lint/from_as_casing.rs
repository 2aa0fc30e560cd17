//! `FromAsCasing`: AS is written in the case of its FROM. A FROM of mixed case is the business of another rule.
use super::{Hits, Place, Rule, Seen, Severity};
use crate::tree::Args;
use crate::unicode;

pub(super) const RULE: Rule = Rule {
    name: "FromAsCasing",
    about: "AS is not written in the case of the FROM that it belongs to",
    page: Some("from-as-casing"),
    fix: "write both words in upper case, or both in lower case",
    severity: Severity::Warning,
    look,
};

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    let Seen::Written(node) = seen else { return };
    let Args::Words(words) = &node.args else { return };
    let [_, word, _, ..] = &words[..] else { return };
    let place = Place::of_node(node).word(word.span);
    let (from, word) = (node.keyword.to_str_lossy(), word.to_str_lossy());
    let agrees = match &from[..] {
        "from" => word == unicode::lower(word.as_bytes()),
        "FROM" => word == word.to_uppercase(),
        _ => return,
    };
    if !agrees {
        hits.at(place, format!("'{word}' and '{from}' keywords' casing do not match"));
    }
}

#[cfg(test)]
#[test]
fn two_cases_on_one_line() {
    use super::testing::in_file;
    let found = in_file(&RULE, "FROM x as a\nfrom x AS b\nFROM x aS c\nFrom x as d\nFROM x AS e\nfrom x as f\n");
    assert_eq!(
        found,
        [
            "1: 'as' and 'FROM' keywords' casing do not match",
            "2: 'AS' and 'from' keywords' casing do not match",
            "3: 'aS' and 'FROM' keywords' casing do not match",
        ]
    );
}
