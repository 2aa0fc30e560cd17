//! Which of several manifests serves a platform. Knows no file.

use rbuild_oci::Platform;

/// That of `offers` which serves `wanted` best; an offer without a platform serves where it is the only one.
pub(super) fn choose<'a, T>(offers: &'a [(Option<Platform>, T)], wanted: &Platform) -> Option<&'a T> {
    match offers {
        [(None, only)] => Some(only),
        _ => Platform::best(offers.iter().filter_map(|(own, offer)| Some((own.as_ref()?, offer))), wanted),
    }
}

/// The platforms there are, for people: `linux/amd64, linux/arm64`.
pub(super) fn list<T>(offers: &[(Option<Platform>, T)]) -> String {
    let name = |(platform, _): &(Option<Platform>, T)| {
        platform.as_ref().map_or_else(|| "an unnamed platform".to_owned(), ToString::to_string)
    };
    let mut names: Vec<String> = offers.iter().map(name).collect();
    names.dedup();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
