//! Addresses without what opens their doors: user, password, and values in the query that are secrets by their name; and
//! which names those are. Knows no instruction; any text may be given.

use std::ops::Range;

/// What stands for what is not shown, as BuildKit writes it.
const MASK: &str = "xxxxx";

/// Parts of the name of a value that is not shown.
const SECRET_PARTS: [&str; 9] = ["token", "pword", "secret", "passw", "pwd", "signature", "credential", "auth", "key"];

/// Words of the name of a value that is not shown.
const SECRET_NAMES: [&str; 4] = ["sig", "pass", "pw", "jwt"];

/// The text with the credentials of every URL in it masked: `https://me:pw@host/x?token=t` becomes
/// `https://xxxxx:xxxxx@host/x?token=xxxxx`. The user of an ssh address without a password is no secret.
pub fn redact(text: &str) -> String {
    let (mut out, mut shown) = (String::with_capacity(text.len()), 0);
    for secret in secrets(text) {
        // A secret value may be a URL that has secrets itself.
        if secret.start >= shown {
            out.push_str(&text[shown..secret.start]);
            out.push_str(MASK);
            shown = secret.end;
        }
    }
    out + &text[shown..]
}

fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut secrets = Vec::new();
    let mut from = 0;
    while let Some(found) = text[from..].find("://") {
        let (scheme, start) = (scheme(&text[..from + found]), from + found + 3);
        let end = start + text[start..].find(ends_url).unwrap_or(text.len() - start);
        let rest = user_info(text, scheme, start..end, &mut secrets);
        in_query(text, rest..end, &mut secrets);
        from = start;
    }
    secrets.sort_by_key(|secret| secret.start);
    secrets
}

fn ends_url(char: char) -> bool {
    char.is_whitespace() || matches!(char, '"' | '\'' | '<' | '>' | '`')
}

fn scheme(before: &str) -> &str {
    let is_part = |char: char| char.is_ascii_alphanumeric() || matches!(char, '+' | '-' | '.');
    &before[before.trim_end_matches(is_part).len()..]
}

/// Notes user and password; gives the place behind the host.
fn user_info(text: &str, scheme: &str, url: Range<usize>, secrets: &mut Vec<Range<usize>>) -> usize {
    let end = url.start + text[url.clone()].find(['/', '?', '#']).unwrap_or(url.len());
    let Some(at) = text[url.start..end].rfind('@').map(|at| url.start + at) else { return end };
    let user = text[url.start..at].find(':').map(|colon| url.start + colon);
    match user {
        Some(colon) => secrets.extend([url.start..colon, colon + 1..at].into_iter().filter(|part| !part.is_empty())),
        None if scheme.ends_with("ssh") || at == url.start => {}
        None => secrets.push(url.start..at),
    }
    end
}

fn in_query(text: &str, rest: Range<usize>, secrets: &mut Vec<Range<usize>>) {
    let Some(mark) = text[rest.clone()].find('?') else { return };
    let mut start = rest.start + mark + 1;
    let end = start + text[start..rest.end].find('#').unwrap_or(rest.end - start);
    for pair in text[start..end].split(['&', ';']) {
        if let Some((name, value)) = pair.split_once('=')
            && is_secret(name)
            && !value.is_empty()
        {
            let value_start = start + name.len() + 1;
            secrets.push(value_start..value_start + value.len());
        }
        start += pair.len() + 1;
    }
}

/// Whether a value of that name may be a secret. It rather says so too often.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_whole = |word: &str| SECRET_NAMES.contains(&word);
    name.split(['_', '-', '.']).any(is_whole) || SECRET_PARTS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn what_opens_doors_is_masked() {
        for (text, expected) in [
            ("ADD https://me:pw@h/x /y", "ADD https://xxxxx:xxxxx@h/x /y"),
            ("https://token@h/x", "https://xxxxx@h/x"),
            ("https://:pw@h", "https://:xxxxx@h"),
            ("https://me:@h", "https://xxxxx:@h"),
            ("http://a:b@c@h:80/p@q", "http://xxxxx:xxxxx@h:80/p@q"),
            ("ssh://git@h/r.git ssh://git:pw@h/r", "ssh://git@h/r.git ssh://xxxxx:xxxxx@h/r"),
            ("git+ssh://git@h/r", "git+ssh://git@h/r"),
            ("https://h/x?a=1&X-Amz-Signature=f00&b=2#t", "https://h/x?a=1&X-Amz-Signature=xxxxx&b=2#t"),
            ("https://h?token=t&sig=s", "https://h?token=xxxxx&sig=xxxxx"),
            ("[\"https://u:p@h/a\", \"/b\"]", "[\"https://xxxxx:xxxxx@h/a\", \"/b\"]"),
            ("a://u:p,w@h,b://u:p@h", "a://xxxxx:xxxxx@h,b://xxxxx:xxxxx@h"),
            ("https://h/?token=https://u:p@h&a=https://u:p@h", "https://h/?token=xxxxx&a=https://xxxxx:xxxxx@h"),
            ("pip -i 'https://u:ü€@h/a' x://u:${PW}@h", "pip -i 'https://xxxxx:xxxxx@h/a' x://xxxxx:xxxxx@h"),
        ] {
            assert_eq!(redact(text), expected);
        }
    }

    #[test]
    fn everything_else_stays() {
        for text in [
            "",
            "://",
            "://@",
            "git@h:r.git",
            "https://h/r.git?branch=main&subdir=a#v1",
            "https://h:8080/a@b",
            "https://h/?token=",
            "me:pw@h",
            "http://@h/ü",
        ] {
            assert_eq!(redact(text), text);
        }
    }
}
