//! Fractions as Go's `strconv` writes them. Knows no format.

/// `%e` with that many digits behind the point: at least two digits of an exponent, and its sign.
pub(super) fn scientific(number: f64, precision: usize) -> String {
    exponent(&format!("{number:.precision$e}"))
}

/// `%g`: that many significant digits, or as few as name the number alone; with an exponent where that is shorter.
pub(super) fn general(number: f64, precision: Option<usize>) -> String {
    if number == 0.0 || !number.is_finite() {
        return if number.is_finite() { "0".to_owned() } else { number.to_string() };
    }
    let significant = precision.map(|precision| precision.max(1));
    let text = significant.map_or_else(|| format!("{number:e}"), |count| format!("{number:.*e}", count - 1));
    let Some((mantissa, power)) = text.split_once('e') else { return text };
    let power: i32 = power.parse().unwrap_or_default();
    let digits = mantissa.trim_start_matches('-').replace('.', "").trim_end_matches('0').len().max(1);
    let digits = i32::try_from(digits).unwrap_or(i32::MAX);
    let limit = match significant.map(|count| i32::try_from(count).unwrap_or(i32::MAX)) {
        None => SHORTEST,
        Some(count) if count > digits && digits > power => digits,
        Some(count) => count,
    };
    if power < -4 || power >= limit {
        return exponent(&format!("{number:.*e}", usize::try_from(digits - 1).unwrap_or_default()));
    }
    format!("{number:.*}", usize::try_from(digits - power - 1).unwrap_or_default())
}

/// From this power of ten on, the shortest form has an exponent.
const SHORTEST: i32 = 6;

fn exponent(text: &str) -> String {
    let Some((digits, exponent)) = text.split_once('e') else { return text.to_owned() };
    let (sign, size) = exponent.strip_prefix('-').map_or(('+', exponent), |size| ('-', size));
    format!("{digits}e{sign}{size:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_come_where_go_has_them() {
        for (number, precision, text) in [
            (0.0, None, "0"),
            (-1.5, None, "-1.5"),
            (100_000.0, None, "100000"),
            (1e6, None, "1e+06"),
            (1_234_567.891, None, "1.234567891e+06"),
            (0.0001, None, "0.0001"),
            (0.000_012_3, None, "1.23e-05"),
            (1e21, None, "1e+21"),
            (1_234_567.891, Some(3), "1.23e+06"),
            (100.0, Some(3), "100"),
            (1000.0, Some(3), "1e+03"),
            (1.5, Some(5), "1.5"),
            (9.99, Some(2), "10"),
            (0.5, Some(0), "0.5"),
        ] {
            assert_eq!(general(number, precision), text, "{number} {precision:?}");
        }
        assert_eq!(scientific(-1234.5, 6), "-1.234500e+03");
    }
}
