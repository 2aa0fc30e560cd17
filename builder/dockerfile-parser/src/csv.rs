//! One line of comma-separated fields, as `--mount` and `--device` hold. Knows nothing of keys.
use crate::error::{Error, ErrorKind};
use crate::span::Text;

/// Splits at commas; a field in double quotes may hold commas, and doubled quotes for one.
pub(crate) fn fields(flag: &'static str, text: &Text) -> Result<Vec<Text>, Error> {
    let bytes = &text.bytes[..];
    let end = bytes.strip_suffix(b"\n").map_or(bytes, |line| line.strip_suffix(b"\r").unwrap_or(line)).len();
    if end == 0 {
        return Err(Error::new(ErrorKind::NoFields(flag.to_owned()), text.span));
    }
    let (mut fields, mut at) = (Vec::new(), 0);
    loop {
        let (field, next) = field(text, at, end)?;
        fields.push(field);
        if next == end {
            return Ok(fields);
        }
        at = next + 1;
    }
}

/// The field at `at` and where its comma, or the end, is.
fn field(text: &Text, at: usize, end: usize) -> Result<(Text, usize), Error> {
    let bytes = &text.bytes[..end];
    let stray = || Error::new(ErrorKind::Csv(text.to_str_lossy().into_owned()), text.slice(at, end).span);
    if bytes.get(at) != Some(&b'"') {
        let next = bytes[at..].iter().position(|b| *b == b',').map_or(end, |length| at + length);
        return if bytes[at..next].contains(&b'"') { Err(stray()) } else { Ok((text.slice(at, next), next)) };
    }
    let (mut out, mut from) = (Vec::new(), at + 1);
    loop {
        let quote = from + bytes[from..].iter().position(|b| *b == b'"').ok_or_else(stray)?;
        out.extend_from_slice(&bytes[from..quote]);
        match bytes.get(quote + 1) {
            Some(b'"') => out.push(b'"'),
            Some(b',') | None => return Ok((Text::new(out, text.slice(at, quote + 1).span), quote + 1)),
            Some(_) => return Err(stray()),
        }
        from = quote + 2;
    }
}
