//! Addresses as HTTP needs them: scheme, authority, path. Knows no registry and opens nothing. `Display` leaves the
//! query out, because the query of a signed download address is a credential.

use std::fmt;
use std::net::IpAddr;

/// How a host is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    const fn text(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// An absolute address without user information and fragment.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) scheme: Scheme,
    /// Host with its optional port.
    pub(crate) authority: String,
    /// Path and query, from the first `/` on.
    path: String,
}

impl Url {
    pub(crate) fn new(scheme: Scheme, authority: &str, path: String) -> Self {
        Self { scheme, authority: authority.to_owned(), path }
    }

    /// Reads `http://…` or `https://…`; none for anything else, as for an address with a user name in it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        let rest = rest.split('#').next()?;
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
        if authority.is_empty() || !authority.bytes().all(plain) || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Some(Self { scheme, authority: authority.to_owned(), path })
    }

    /// Where a `Location` header points to, seen from here (RFC 3986, section 5; dot segments are left to the server).
    pub(crate) fn join(&self, location: &str) -> Option<Self> {
        if location.contains("://") && !location.starts_with(['/', '?']) {
            return Self::parse(location);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{}://{rest}", self.scheme.text()));
        }
        let path = self.path.split('?').next()?;
        let base = match location.bytes().next()? {
            b'/' => "",
            b'?' => path,
            _ => &path[..=path.rfind('/')?],
        };
        Self::parse(&format!("{}://{}{base}{location}", self.scheme.text(), self.authority))
    }

    /// This address with `name=value` pairs behind its query, percent-encoded.
    pub(crate) fn with_query<'a>(mut self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        for (name, value) in pairs {
            self.path.push(if self.path.contains('?') { '&' } else { '?' });
            self.path.extend([name, "=", &percent_encode(value)]);
        }
        self
    }

    /// Whether credentials for `other` may be sent here: same scheme, host and port.
    pub(crate) fn same_origin(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.host_and_port() == other.host_and_port()
    }

    /// The host in lower case, an IPv6 address without its brackets, and the port.
    pub(crate) fn host_and_port(&self) -> (String, u16) {
        let (host, port) = split_port(&self.authority);
        (host.trim_matches(['[', ']']).to_ascii_lowercase(), port.unwrap_or(self.scheme.default_port()))
    }

    /// The whole address with its query: for the wire only.
    pub(crate) fn to_wire(&self) -> String {
        format!("{}://{}{}", self.scheme.text(), self.authority, self.path)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        write!(f, "{}://{}{path}", self.scheme.text(), self.authority)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Host, still in brackets if it was, and port.
fn split_port(authority: &str) -> (&str, Option<u16>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()),
        _ => (authority, None),
    }
}

/// Whether that authority is this machine: what it sends over plain HTTP leaves it for nobody.
pub(crate) fn is_loopback(authority: &str) -> bool {
    let host = split_port(authority).0.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Text for a query or a form: everything but letters, digits and `-._~` as `%XX`.
pub(crate) fn percent_encode(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_followed_as_rfc_3986_says() {
        let base = Url::parse("https://a.example:5000/v2/x/blobs/y?z=1").unwrap();
        for (location, expected) in [
            ("http://b/c", "http://b/c"),
            ("//b/c?d", "https://b/c?d"),
            ("/c?u=http://d", "https://a.example:5000/c?u=http://d"),
            ("c", "https://a.example:5000/v2/x/blobs/c"),
            ("?q", "https://a.example:5000/v2/x/blobs/y?q"),
            ("HTTPS://b#fragment", "https://b/"),
        ] {
            assert_eq!(base.join(location).unwrap().to_wire(), expected, "{location}");
        }
    }

    #[test]
    fn other_schemes_user_names_and_control_characters_are_refused() {
        let base = Url::parse("https://a/").unwrap();
        for location in ["file:///etc/passwd", "ftp://a/", "https://user:pw@a/", "https:///x", "/a b", "/a\r\nX: y", ""]
        {
            assert!(base.join(location).is_none(), "{location:?}");
        }
    }

    #[test]
    fn credentials_stay_on_their_origin() {
        let url = |text| Url::parse(text).unwrap();
        assert!(url("https://a/x").same_origin(&url("https://A:443/y")));
        for other in ["http://a/", "https://a:444/", "https://b/", "http://a:443/"] {
            assert!(!url("https://a/").same_origin(&url(other)), "{other}");
        }
    }

    #[test]
    fn the_query_is_sent_and_never_shown() {
        let url = Url::parse("https://a/x").unwrap().with_query([("scope", "repository:a/b:pull"), ("t", "s&c")]);
        assert_eq!(url.to_wire(), "https://a/x?scope=repository%3Aa%2Fb%3Apull&t=s%26c");
        assert_eq!(format!("{url} {url:?}"), "https://a/x https://a/x");
    }

    #[test]
    fn loopback_is_told_by_name_and_address() {
        for yes in ["localhost", "LOCALHOST:5000", "127.0.0.1", "127.9.9.9:1", "[::1]:5000", "[::1]"] {
            assert!(is_loopback(yes), "{yes}");
        }
        for no in ["localhost.example", "10.0.0.1:5000", "[2001:db8::1]", "docker.io"] {
            assert!(!is_loopback(no), "{no}");
        }
    }
}
