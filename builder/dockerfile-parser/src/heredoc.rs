//! Heredocs: finding their words on a line. Knows nothing of how a shell or COPY uses them.

/// The text without the tabs at the front of each line.
pub(crate) fn chomped(text: &[u8]) -> Vec<u8> {
    let mut at_start = true;
    let keep = |b: &u8| {
        let dropped = at_start && *b == b'\t';
        at_start = *b == b'\n' || dropped;
        !dropped
    };
    text.iter().copied().filter(keep).collect()
}
