//! The mode of `--chmod`: octal or symbolic. Knows no file.

use crate::op::Chmod;

/// Reads a mode; none is one that is neither form.
pub(super) fn parse(text: &str) -> Option<Chmod> {
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return u32::from_str_radix(text, 8).ok().filter(|bits| *bits <= 0o7777).map(Chmod::Octal);
    }
    text.split(',').all(is_clause).then(|| Chmod::Symbolic(text.to_owned()))
}

/// `[ugoa]*` and then at least once `[+-=][rwxXstugo]*`.
fn is_clause(clause: &str) -> bool {
    let actions = clause.trim_start_matches(['u', 'g', 'o', 'a']);
    actions.starts_with(['+', '-', '=']) && actions.chars().all(|char| "+-=rwxXstugo".contains(char))
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::op::Chmod;

    #[test]
    fn both_forms() {
        assert_eq!(parse("0755"), Some(Chmod::Octal(0o755)));
        assert_eq!(parse("7777"), Some(Chmod::Octal(0o7777)));
        for text in ["u=rwX,go-w", "a+x", "+x", "g=u", "u+s-x,o="] {
            assert_eq!(parse(text), Some(Chmod::Symbolic(text.to_owned())), "{text}");
        }
        for text in ["", "rwxq", "10000", "888", "u", "u=rwx,", "u=q", "0x1", "é"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
