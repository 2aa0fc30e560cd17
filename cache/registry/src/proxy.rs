//! Which proxy a request goes through, by the conventions of curl and Go. Knows addresses, opens nothing.

use crate::url::{Scheme, Url, is_loopback};
use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;

/// Proxies by the scheme of the target: `http://`, `https://` or `socks5://` addresses, a user and password allowed.
/// Every target is reached through a tunnel (CONNECT or SOCKS). Loopback targets are always reached directly.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For targets spoken to over plain HTTP.
    pub http: Option<String>,
    /// For targets spoken to over TLS.
    pub https: Option<String>,
    /// Hosts reached directly, separated by commas: `*`, a domain with or without a leading dot (its subdomains too), an
    /// address, an address block (`10.0.0.0/8`), each with an optional `:port`.
    pub no_proxy: String,
}

impl Proxies {
    /// The proxies that `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` name, in capitals or not.
    pub fn from_env(variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let either = |name: &str| {
            let value = variable(name).or_else(|| variable(&name.to_ascii_lowercase()))?;
            value.into_string().ok().filter(|text| !text.is_empty())
        };
        Self {
            http: either("HTTP_PROXY").or_else(|| either("ALL_PROXY")),
            https: either("HTTPS_PROXY").or_else(|| either("ALL_PROXY")),
            no_proxy: either("NO_PROXY").unwrap_or_default(),
        }
    }

    /// The proxy for that target; none to reach it directly.
    pub(crate) fn choose(&self, url: &Url) -> Option<&str> {
        let proxy = match url.scheme {
            Scheme::Http => &self.http,
            Scheme::Https => &self.https,
        };
        let (host, port) = url.host_and_port();
        let direct = is_loopback(&url.authority) || self.no_proxy.split(',').any(|rule| matches(rule, &host, port));
        proxy.as_deref().filter(|_| !direct)
    }
}

/// Addresses of proxies may hold passwords.
impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = |proxy: &Option<String>| proxy.as_deref().map(proxy_host);
        f.debug_struct("Proxies")
            .field("http", &host(&self.http))
            .field("https", &host(&self.https))
            .field("no_proxy", &self.no_proxy)
            .finish()
    }
}

/// Host and port of a proxy's address: what may be shown of it.
pub(crate) fn proxy_host(proxy: &str) -> String {
    let authority = proxy.split_once("://").map_or(proxy, |(_, rest)| rest);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    authority.split('/').next().unwrap_or_default().to_owned()
}

fn matches(rule: &str, host: &str, port: u16) -> bool {
    let rule = rule.trim().to_ascii_lowercase();
    if let Some((block, bits)) = rule.split_once('/') {
        return in_block(host, block, bits).unwrap_or(false);
    }
    let (name, wanted) = match rule.rsplit_once(':') {
        Some((name, digits)) if rule.parse::<IpAddr>().is_err() => (name, digits.parse::<u16>().ok()),
        _ => (rule.as_str(), None),
    };
    let name = name.trim_matches(['[', ']']).trim_start_matches('*').trim_start_matches('.');
    let named = rule == "*" || !name.is_empty() && (host == name || host.ends_with(&format!(".{name}")));
    named && wanted.is_none_or(|wanted| wanted == port)
}

/// Whether `host`, an address, lies in `block/bits`; none if any of them is not of that form.
fn in_block(host: &str, block: &str, bits: &str) -> Option<bool> {
    let bits: u32 = bits.parse().ok()?;
    let (left, right, width) = match (host.parse().ok()?, block.parse().ok()?) {
        (IpAddr::V4(host), IpAddr::V4(block)) => (u128::from(host.to_bits()), u128::from(block.to_bits()), 32),
        (IpAddr::V6(host), IpAddr::V6(block)) => (host.to_bits(), block.to_bits(), 128),
        _ => return None,
    };
    let shift = u32::checked_sub(width, bits)?;
    Some((left ^ right).checked_shr(shift).unwrap_or(0) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goes_direct(no_proxy: &str, target: &str) -> bool {
        let proxies = Proxies { https: Some("http://p:1".into()), no_proxy: no_proxy.into(), ..Proxies::default() };
        proxies.choose(&Url::parse(&format!("https://{target}/")).unwrap()).is_none()
    }

    #[test]
    fn hosts_are_excepted_as_curl_and_go_do() {
        for (rules, target, direct) in [
            ("", "example.com", false),
            ("*", "example.com", true),
            ("example.com", "example.com", true),
            ("example.com", "a.EXAMPLE.com:5000", true),
            ("example.com", "badexample.com", false),
            ("x, .example.com", "a.example.com", true),
            ("*.example.com", "a.example.com", true),
            ("example.com:5000", "example.com:5000", true),
            ("example.com:5000", "example.com", false),
            ("10.0.0.0/8", "10.2.3.4:5000", true),
            ("10.0.0.0/8", "11.2.3.4", false),
            ("0.0.0.0/0", "11.2.3.4", true),
            ("10.0.0.0/99", "10.2.3.4", false),
            ("2001:db8::/32", "[2001:db8::7]:5000", true),
            ("2001:db8::7", "[2001:db8::7]:5000", true),
            ("", "127.0.0.1:5000", true),
            (",,", "example.com", false),
        ] {
            assert_eq!(goes_direct(rules, target), direct, "{rules:?} {target}");
        }
    }

    #[test]
    fn the_scheme_of_the_target_chooses_and_passwords_stay_hidden() {
        let env = |name: &str| match name {
            "https_proxy" => Some("http://user:hunter2@proxy:3128/".into()),
            "ALL_PROXY" => Some("socks5://s:1080".into()),
            _ => None,
        };
        let proxies = Proxies::from_env(&env);
        assert_eq!(proxies.choose(&Url::parse("http://a/").unwrap()), Some("socks5://s:1080"));
        assert_eq!(proxies.choose(&Url::parse("https://a/").unwrap()), Some("http://user:hunter2@proxy:3128/"));
        assert!(!format!("{proxies:?}").contains("hunter2"), "{proxies:?}");
        assert!(format!("{proxies:?}").contains("proxy:3128"), "{proxies:?}");
    }
}
