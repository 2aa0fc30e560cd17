//! Sizes as people write them: `64m`, `1.5g`, `512kb`, `1073741824`.

use super::usage;
use crate::error::Result;

/// Bytes; units are powers of 1024, in any case, with or without `b` or `ib`.
pub(crate) fn bytes(flag: &str, text: &str) -> Result<u64> {
    parse(text)
        .ok_or_else(|| usage(format!("{flag}: {text:?} is not a size: write bytes, or a number with b, k, m, g, t")))
}

/// The size of /dev/shm.
fn shm(text: &str) -> Result<u64> {
    bytes("--shm-size", text)
}

/// The size of /dev/shm that is asked for, or the usual one, which 0 is too.
pub(crate) fn shm_or(usual: u64, asked: Option<&str>) -> Result<u64> {
    Ok(asked.map(shm).transpose()?.filter(|size| *size > 0).unwrap_or(usual))
}

fn parse(text: &str) -> Option<u64> {
    let split = text.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..split], text[split..].trim_start().to_ascii_lowercase());
    let power = match unit.as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        "p" | "pb" | "pib" => 5,
        _ => return None,
    };
    let scale = 1u64 << (10 * power);
    match number.split_once('.') {
        None => number.parse::<u64>().ok()?.checked_mul(scale),
        Some((whole, part)) => {
            let whole: u64 = whole.parse().ok()?;
            let part = fraction(part, scale)?;
            whole.checked_mul(scale)?.checked_add(part)
        }
    }
}

/// `0.digits` of `scale`, rounded down; nine digits count.
fn fraction(digits: &str, scale: u64) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = &digits[..digits.len().min(9)];
    let value = u128::from(digits.parse::<u64>().ok()?) * u128::from(scale) / 10u128.pow(digits.len() as u32);
    u64::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn every_form() {
        let refused =
            |text: &str| format!("--shm-size: {text:?} is not a size: write bytes, or a number with b, k, m, g, t");
        check(
            shm,
            &[
                ("0", "0"),
                ("1024", "1024"),
                ("10b", "10"),
                ("64m", "67108864"),
                ("64M", "67108864"),
                ("64MB", "67108864"),
                ("64 mib", "67108864"),
                ("1k", "1024"),
                ("2g", "2147483648"),
                ("1t", "1099511627776"),
                ("1p", "1125899906842624"),
                ("1.5k", "1536"),
                ("0.5g", "536870912"),
                ("0.0009765625k", "0"),
                ("", &refused("")),
                ("m", &refused("m")),
                ("-1", &refused("-1")),
                ("1x", &refused("1x")),
                ("1.", &refused("1.")),
                (".5k", &refused(".5k")),
                ("1.2.3k", &refused("1.2.3k")),
                ("20000p", &refused("20000p")),
            ],
        );
    }
}
