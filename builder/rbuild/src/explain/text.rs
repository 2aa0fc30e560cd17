//! Texts cut so that a line stays one. Pure.

/// As much of a text is shown, in characters.
const WIDTH: usize = 60;

/// The text on one line, its end cut where it is long.
pub(super) fn brief(text: &str) -> String {
    let line = crate::render::printable(text);
    if line.chars().count() <= WIDTH * 2 {
        return line;
    }
    line.chars().take(WIDTH * 2 - 1).chain(['…']).collect()
}

/// Two texts in quotation marks; of long ones the part in which they differ.
pub(super) fn quoted(was: &str, is: &str) -> (String, String) {
    let same = was.chars().zip(is.chars()).take_while(|(was, is)| was == is).count();
    let longest = was.chars().count().max(is.chars().count());
    let skipped = if longest > WIDTH { same.saturating_sub(WIDTH / 3) } else { 0 };
    let cut = |text: &str| {
        let rest: Vec<char> = text.chars().skip(skipped).collect();
        let start = if skipped > 0 { "…" } else { "" };
        let end = if rest.len() > WIDTH { "…" } else { "" };
        let shown: String = rest.into_iter().take(WIDTH).collect();
        format!("\"{start}{}{end}\"", crate::render::printable(&shown))
    };
    (cut(was), cut(is))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_long_texts_the_difference_is_shown() {
        assert_eq!(quoted("1", ""), ("\"1\"".to_owned(), "\"\"".to_owned()));
        let long = "x".repeat(100);
        let (was, is) = quoted(&format!("{long}a"), &format!("{long}b"));
        assert_eq!(was, format!("\"…{}a\"", "x".repeat(20)));
        assert_eq!(is, format!("\"…{}b\"", "x".repeat(20)));
        assert_eq!(quoted("", &long).1, format!("\"{}…\"", "x".repeat(60)));
        assert_eq!(brief(&"y".repeat(200)).chars().count(), 120);
        assert_eq!(brief("a\nb"), crate::render::printable("a\nb"));
    }
}
