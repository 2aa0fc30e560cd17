//! What a registry asks for in `WWW-Authenticate` (RFC 9110, section 11.6.1; distribution specification, "Token
//! Authentication"). Text in, values out.

use ureq::http::HeaderMap;

/// A way to log in that a registry accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    Basic,
    /// A token from `realm`, for `service` and `scope` where they are given.
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

/// The challenges of an answer that are understood: tokens first.
pub(crate) fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let texts = headers.get_all("www-authenticate").iter().filter_map(|value| value.to_str().ok());
    let mut all: Vec<Challenge> = texts.flat_map(parse).collect();
    all.sort_by_key(|challenge| *challenge == Challenge::Basic);
    all
}

fn parse(text: &str) -> Vec<Challenge> {
    let mut found: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut rest = text.trim_start_matches([' ', ',']);
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.find(['=', ' ', ',']).unwrap_or(rest.len()));
        rest = after.trim_start();
        if let Some(value) = rest.strip_prefix('=') {
            let (value, after) = take_value(value.trim_start());
            rest = after;
            if let Some((_, parameters)) = found.last_mut() {
                parameters.push((word.to_ascii_lowercase(), value));
            }
        } else if !word.is_empty() {
            found.push((word.to_ascii_lowercase(), Vec::new()));
        }
        rest = rest.trim_start_matches([' ', ',', '\t']);
    }
    found.into_iter().filter_map(|(scheme, parameters)| understood(&scheme, &parameters)).collect()
}

fn understood(scheme: &str, parameters: &[(String, String)]) -> Option<Challenge> {
    let get = |wanted: &str| {
        let found = parameters.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
    };
    match scheme {
        "basic" => Some(Challenge::Basic),
        "bearer" => Some(Challenge::Bearer { realm: get("realm")?, service: get("service"), scope: get("scope") }),
        _ => None,
    }
}

/// A token or quoted string, and what follows it.
fn take_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find([',', ' ']).unwrap_or(text.len()));
        return (value.to_owned(), rest);
    };
    let (mut value, mut chars) = (String::new(), quoted.char_indices());
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&'static str]) -> Vec<Challenge> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("www-authenticate", line.parse().unwrap());
        }
        challenges(&headers)
    }

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        let text = |value: Option<&str>| value.map(str::to_owned);
        Challenge::Bearer { realm: realm.to_owned(), service: text(service), scope: text(scope) }
    }

    #[test]
    fn challenges_of_registries_are_read() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/ubuntu:pull,push""#;
        let scope = Some("repository:library/ubuntu:pull,push");
        assert_eq!(read(&[hub]), [bearer("https://auth.docker.io/token", Some("registry.docker.io"), scope)]);
        assert_eq!(read(&["bearer Realm = \"https://r/\\\"t\" , error=x"]), [bearer("https://r/\"t", None, None)]);
        assert_eq!(read(&[r#"Basic realm="Registry Realm""#]), [Challenge::Basic]);
        let both = [bearer("https://r", None, None), Challenge::Basic];
        assert_eq!(read(&["Basic realm=x, Bearer realm=https://r"]), both);
        assert_eq!(read(&["Basic", "Bearer realm=https://r"]), both);
    }

    #[test]
    fn nonsense_gives_nothing_and_ends() {
        for line in ["", "Negotiate", "Bearer", "Bearer service=x", "=", "===,,,\"", "Bearer realm=\"", "\"\"", ", ,"] {
            assert_eq!(read(&[line]), [], "{line}");
        }
    }
}
