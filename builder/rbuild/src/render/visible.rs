//! Text of others on a terminal: nothing in it may act on the terminal. Knows no layout.

/// A character that could move the cursor, change a terminal's colours or turn the direction of text shows as one that
/// cannot.
pub fn visible(char: char) -> char {
    match char {
        '\t' => ' ',
        '\u{61C}' | '\u{200E}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {
            char::REPLACEMENT_CHARACTER
        }
        other if other.is_control() => char::REPLACEMENT_CHARACTER,
        other => other,
    }
}

/// The text on one line, without characters that could move the cursor.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(visible).collect()
}
