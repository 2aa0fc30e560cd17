//! "Did you mean …?": the nearest of a few known names. Knows nothing of where the names come from.

/// Names this many edits away or more are no suggestion.
const TOO_FAR: usize = 3;

/// The candidate nearest to `name` within two edits, ignoring ASCII case; the first of equals wins.
///
/// An exact match (but for case) gives `None`: then the name was not what went wrong.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    least(
        &name.to_ascii_lowercase(),
        candidates.into_iter().map(|candidate| (candidate.to_ascii_lowercase(), candidate)),
    )
}

/// As [`did_you_mean`] for names whose case counts, such as those of variables.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    least(name, candidates.into_iter().map(|candidate| (candidate.to_owned(), candidate)))
}

/// As [`did_you_mean`], but one that differs only in case goes first: for names whose case counts and is easily missed,
/// such as those of files.
pub fn look_alike<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let same = candidates.clone().into_iter().find(|candidate| candidate.eq_ignore_ascii_case(name));
    same.or_else(|| did_you_mean(name, candidates))
}

/// ` (did you mean X?)` to put behind a name that is not known, or nothing.
pub fn question(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!(" (did you mean {near}?)"))
}

/// The candidate whose first form is nearest.
fn least<'a>(wanted: &str, candidates: impl Iterator<Item = (String, &'a str)>) -> Option<&'a str> {
    let wanted: Vec<char> = wanted.chars().collect();
    let mut best = None;
    let mut least = TOO_FAR;
    for (form, candidate) in candidates {
        let other: Vec<char> = form.chars().collect();
        if wanted == other {
            return None;
        }
        let distance = if wanted.len().abs_diff(other.len()) < least { edits(&wanted, &other) } else { TOO_FAR };
        // Of two letters, two edits leave nothing that was written.
        if distance < least && 2 * distance <= wanted.len().max(other.len()) {
            (best, least) = (Some(candidate), distance);
        }
    }
    best
}

/// How many characters to insert, remove, replace or swap with their neighbour.
fn edits(a: &[char], b: &[char]) -> usize {
    let (mut before, mut last): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=b.len()).collect());
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut least = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        (before, last) = (last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{did_you_mean, look_alike, nearest, question};

    #[test]
    fn nearest_within_two_edits() {
        assert_eq!(did_you_mean("COPPY", ["RUN", "COPY", "CMD"]), Some("COPY"));
        assert_eq!(did_you_mean("mont", ["mount", "network"]), Some("mount"));
        assert_eq!(did_you_mean("builder", ["bilder", "BUILDER"]), None);
        assert_eq!(did_you_mean("zzzz", ["mount"]), None);
        assert_eq!(did_you_mean("Ab", ["AB"]), None);
        assert_eq!(nearest("Ab", ["AB"]), Some("AB"));
        assert_eq!(nearest("AB", ["AC", "AB"]), None);
        assert_eq!(look_alike("Dockerfile", ["Dockerfiles", "dockerfile"]), Some("dockerfile"));
        assert_eq!(look_alike("scr", ["src"]), Some("src"));
        assert_eq!([Some("x"), None].map(question), [" (did you mean x?)", ""]);
    }

    #[test]
    fn swapped_letters_are_one_edit_and_short_names_need_more_in_common() {
        assert_eq!(did_you_mean("CDM", ["CMD", "ADD"]), Some("CMD"));
        assert_eq!(did_you_mean("tpc", ["tcp", "sctp"]), Some("tcp"));
        assert_eq!(did_you_mean("/c", ["src", "id"]), None);
        assert_eq!(did_you_mean("biulder", ["builder"]), Some("builder"));
    }
}
