//! "Did you mean": the names nearest to one that does not exist. Pure.

/// The at most three names that look most like `wanted`, best first; none that look different.
pub(crate) fn nearest(wanted: &str, names: &[String]) -> Vec<String> {
    let bound = wanted.chars().count().div_ceil(3).max(1);
    let mut near: Vec<(usize, &String)> = names.iter().map(|name| (distance(wanted, name), name)).collect();
    near.retain(|(distance, _)| *distance <= bound);
    near.sort();
    near.into_iter().take(3).map(|(_, name)| name.clone()).collect()
}

/// How many characters must be put in, left out or replaced to make one text from the other (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (number, char) in left.chars().enumerate() {
        let mut diagonal = number;
        row[0] = number + 1;
        for (column, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(char != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_come_best_first() {
        let names = ["24.04", "22.04", "latest", "rolling", "24.10"].map(str::to_owned);
        assert_eq!(nearest("24.4", &names), ["24.04", "22.04", "24.10"]);
        assert_eq!(nearest("lastest", &names), ["latest"]);
        assert_eq!(nearest("alpine", &names), [""; 0]);
        assert_eq!(nearest("x", &[]), [""; 0]);
    }
}
