//! `UndefinedArgInFrom`: the variables of FROM are declared before the first FROM.
use super::{Hits, Rule, Seen, Severity};

pub(super) const RULE: Rule = Rule {
    name: "UndefinedArgInFrom",
    about: "FROM uses a variable that no ARG before the first FROM declares",
    page: Some("undefined-arg-in-from"),
    fix: "declare it with ARG above the first FROM",
    severity: Severity::Warning,
    look,
};

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    if let Seen::Undeclared { name, near } = seen {
        let hint = crate::question(*near);
        hits.here(format!("FROM argument '{name}' is not declared{hint}"));
    }
}

#[cfg(test)]
#[test]
fn a_variable_that_nothing_declares() {
    use super::testing::to;
    let seen = |near| Seen::Undeclared { name: "TGA", near };
    assert_eq!(to(&RULE, &seen(Some("TAG"))), ["FROM argument 'TGA' is not declared (did you mean TAG?)"]);
    assert_eq!(to(&RULE, &seen(None)), ["FROM argument 'TGA' is not declared"]);
}
