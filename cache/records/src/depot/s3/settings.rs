//! Where a bucket is and who asks, from the attributes of `type=s3`, the environment and AWS' own files. Reads those
//! files, and opens no connection.

use super::profile;
use super::sign::Login;
use crate::error::{Error, Result};
use rbuild_registry::Address;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

/// A place in an S3-compatible store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Settings {
    /// The bucket.
    pub bucket: String,
    /// The region that requests are signed for.
    pub region: String,
    /// What stands before each name, as it is.
    pub prefix: String,
    /// The address of the store; AWS' own where none.
    pub endpoint: Option<String>,
    /// Whether the bucket stands in the path, not before the host.
    pub path_style: bool,
    /// Who asks; none to ask without a name.
    pub login: Option<Login>,
}

/// How the store is addressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    scheme: &'static str,
    /// With its port, where that is not the scheme's own.
    pub(super) host: String,
    /// Percent-encoded, without a slash at its end.
    path: String,
}

impl S3Settings {
    /// The attributes that are understood.
    pub const ATTRIBUTES: &'static [&'static str] = &[
        "bucket",
        "region",
        "prefix",
        "endpoint_url",
        "use_path_style",
        "access_key_id",
        "secret_access_key",
        "session_token",
    ];

    /// What the attributes say, then the environment (`AWS_BUCKET`, `AWS_REGION`, `AWS_DEFAULT_REGION`,
    /// `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`), of
    /// which `variable` looks one up, then the profile `AWS_PROFILE` or `default` of AWS' own files. The bucket stands in
    /// the path where there is an endpoint: every store takes that.
    pub fn read(attributes: &BTreeMap<String, String>, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self> {
        Sources { attributes, variable, profile: profile::read(variable).map_err(wrong)? }.settings()
    }

    /// Where the bucket is, or why it is nowhere.
    pub(super) fn place(&self) -> Result<Place> {
        let Self { bucket, region, .. } = self;
        let (scheme, host, path) = if let Some(endpoint) = &self.endpoint {
            parse(endpoint)?
        } else {
            let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
            ("https", format!("s3.{region}.{domain}"), String::new())
        };
        Ok(if self.path_style {
            Place { scheme, host, path: format!("{path}/{bucket}") }
        } else {
            Place { scheme, host: format!("{bucket}.{host}"), path }
        })
    }
}

impl Place {
    /// The path of an object, percent-encoded, and the whole address with a query.
    pub(super) fn address(&self, key: &str, query: &str) -> rbuild_registry::Result<(String, Address)> {
        let path = format!("{}/{}", self.path, super::sign::encode(key, "/"));
        let mark = if query.is_empty() { "" } else { "?" };
        let address = Address::parse(&format!("{}://{}{path}{mark}{query}", self.scheme, self.host));
        let address = address.ok_or_else(|| rbuild_registry::Error::Setting {
            setting: format!("address of {key}"),
            reason: "it is none".to_owned(),
        })?;
        Ok((path, address))
    }
}

impl fmt::Display for S3Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)?;
        match self.endpoint.as_deref().map(parse) {
            Some(Ok((_, host, _))) => write!(f, " at {host}"),
            _ => Ok(()),
        }
    }
}

/// Finds what a source calls by that name.
type Look<'a> = dyn Fn(&str) -> Option<String> + 'a;

struct Sources<'a> {
    attributes: &'a BTreeMap<String, String>,
    variable: &'a dyn Fn(&str) -> Option<OsString>,
    profile: BTreeMap<String, String>,
}

impl Sources<'_> {
    fn settings(&self) -> Result<S3Settings> {
        let missing = || wrong("it names no bucket: add bucket=NAME (or set AWS_BUCKET)");
        let bucket = self.find("bucket", &["AWS_BUCKET"], "").ok_or_else(missing)?;
        if !bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) {
            return Err(wrong(format!("{bucket:?} is no name of a bucket: it has letters, digits, - and . only")));
        }
        let endpoint = self.find("endpoint_url", &["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"], "endpoint_url");
        if let Some(endpoint) = &endpoint {
            parse(endpoint)?;
        }
        let region = self.find("region", &["AWS_REGION", "AWS_DEFAULT_REGION"], "region");
        let region = region.or_else(|| endpoint.is_some().then(|| "us-east-1".to_owned()));
        let missing = || wrong("it names no region: add region=REGION (or set AWS_REGION)");
        let path_style = match self.attribute("use_path_style").as_deref() {
            // A certificate for *.s3… is for no name with further dots.
            None => endpoint.is_some() || bucket.contains('.'),
            Some("true" | "1") => true,
            Some("false" | "0") => false,
            Some(other) => return Err(wrong(format!("use_path_style={other}: it is true or false"))),
        };
        Ok(S3Settings {
            region: region.ok_or_else(missing)?,
            prefix: self.attribute("prefix").unwrap_or_default(),
            login: self.login()?,
            bucket,
            endpoint,
            path_style,
        })
    }

    /// Key and secret, both of the first source that has one of them.
    fn login(&self) -> Result<Option<Login>> {
        let given = |name: &str| self.attribute(name);
        let set = |name: &str| self.variable(name);
        let written = |name: &str| self.profile.get(name).cloned();
        let sources: [(&Look<'_>, [&str; 3]); 3] = [
            (&given, ["access_key_id", "secret_access_key", "session_token"]),
            (&set, ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]),
            (&written, ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"]),
        ];
        for (look, [id, secret, session]) in sources {
            match (look(id), look(secret)) {
                (Some(id), Some(secret)) => return Ok(Some(Login { id, secret, session: look(session) })),
                (None, None) => {}
                (Some(_), None) => return Err(wrong(format!("there is {id} without {secret}"))),
                (None, Some(_)) => return Err(wrong(format!("there is {secret} without {id}"))),
            }
        }
        self.has_no_other_login().map(|()| None)
    }

    /// Credentials that somebody has to be asked for are not taken; who has them does not want to go without any.
    fn has_no_other_login(&self) -> Result<()> {
        let variables = [
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        ];
        let settings = ["role_arn", "sso_session", "sso_start_url", "credential_process", "web_identity_token_file"];
        let variable = variables.into_iter().find(|name| self.variable(name).is_some());
        match variable.or_else(|| settings.into_iter().find(|name| self.profile.contains_key(*name))) {
            None => Ok(()),
            Some(name) => Err(wrong(format!(
                "credentials by {name} are not supported: set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and \
                 AWS_SESSION_TOKEN (aws configure export-credentials prints them)"
            ))),
        }
    }

    fn find(&self, attribute: &str, variables: &[&str], setting: &str) -> Option<String> {
        let set = || variables.iter().find_map(|name| self.variable(name));
        self.attribute(attribute).or_else(set).or_else(|| self.profile.get(setting).cloned())
    }

    fn attribute(&self, name: &str) -> Option<String> {
        self.attributes.get(name).filter(|value| !value.is_empty()).cloned()
    }

    fn variable(&self, name: &str) -> Option<String> {
        (self.variable)(name)?.into_string().ok().filter(|value| !value.is_empty())
    }
}

/// Scheme, host with a port that is not the scheme's own, and path of an endpoint.
fn parse(endpoint: &str) -> Result<(&'static str, String, String)> {
    let refused = || wrong("endpoint_url is http://HOST[:PORT] or https://…, without a user, a password or a query");
    let address = Address::parse(endpoint).filter(|address| address.authorization().is_none()).ok_or_else(refused)?;
    let wire = address.to_wire();
    let (scheme, rest) = wire.split_once("://").ok_or_else(refused)?;
    let (host, path) = rest.split_once('/').ok_or_else(refused)?;
    if path.contains('?') {
        return Err(refused());
    }
    let (scheme, port) = if scheme == "http" { ("http", ":80") } else { ("https", ":443") };
    let path = path.trim_end_matches('/');
    let path = if path.is_empty() { String::new() } else { format!("/{path}") };
    Ok((scheme, host.strip_suffix(port).unwrap_or(host).to_owned(), path))
}

fn wrong(reason: impl Into<String>) -> Error {
    Error::Setting { kind: "s3", reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(attributes: &[(&str, &str)], variables: &[(&str, &str)]) -> std::result::Result<S3Settings, String> {
        let attributes = attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let variable = |name: &str| variables.iter().find(|(own, _)| *own == name).map(|(_, value)| value.into());
        S3Settings::read(&attributes, &variable).map_err(|error| error.to_string())
    }

    fn address(attributes: &[(&str, &str)]) -> String {
        read(attributes, &[]).unwrap().place().unwrap().address("a b/c", "").unwrap().1.to_wire()
    }

    #[test]
    fn buckets_are_where_their_store_has_them() {
        let aws = [("bucket", "b"), ("region", "eu-west-1")];
        assert_eq!(address(&aws), "https://b.s3.eu-west-1.amazonaws.com/a%20b/c");
        assert_eq!(
            address(&[aws[0], aws[1], ("use_path_style", "true")]),
            "https://s3.eu-west-1.amazonaws.com/b/a%20b/c"
        );
        assert_eq!(
            address(&[("bucket", "b.c"), ("region", "cn-north-1")]),
            "https://s3.cn-north-1.amazonaws.com.cn/b.c/a%20b/c"
        );
        let own = [("bucket", "b"), ("endpoint_url", "https://s3.lab:443/base/")];
        assert_eq!(address(&own), "https://s3.lab/base/b/a%20b/c");
        assert_eq!(address(&[own[0], own[1], ("use_path_style", "0")]), "https://b.s3.lab/base/a%20b/c");
        assert_eq!(read(&own, &[]).unwrap().to_string(), "s3://b/ at s3.lab");
    }

    #[test]
    fn credentials_are_taken_whole_from_the_first_that_has_them() {
        let env = [("AWS_ACCESS_KEY_ID", "E"), ("AWS_SECRET_ACCESS_KEY", "hunter2"), ("AWS_REGION", "r")];
        let found = read(&[("bucket", "b")], &env).unwrap();
        assert_eq!((found.login.as_ref().unwrap().id.as_str(), found.region.as_str()), ("E", "r"));
        assert!(!format!("{found:?} {found}").contains("hunter2"));
        let given = [("bucket", "b"), ("access_key_id", "A"), ("secret_access_key", "S")];
        assert_eq!(read(&given, &env).unwrap().login.unwrap().id, "A");
        assert_eq!(read(&[("bucket", "b"), ("region", "r")], &[]).unwrap().login, None);
        let half = read(&given[..2], &env).unwrap_err();
        assert!(half.contains("access_key_id without secret_access_key"), "{half}");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let bucket = ("bucket", "b");
        for (attributes, expected) in [
            (&[][..], "bucket=NAME"),
            (&[bucket], "region=REGION"),
            (&[("bucket", "a/b")], "no name of a bucket"),
            (&[bucket, ("endpoint_url", "s3.lab")], "endpoint_url is http://"),
            (&[bucket, ("endpoint_url", "http://u:p@s3.lab")], "endpoint_url is http://"),
            (&[bucket, ("region", "r"), ("use_path_style", "yes")], "true or false"),
        ] {
            let error = read(attributes, &[]).unwrap_err();
            assert!(error.starts_with("cannot use the cache type=s3: ") && error.contains(expected), "{error}");
        }
        let roles = [("AWS_REGION", "r"), ("AWS_WEB_IDENTITY_TOKEN_FILE", "/f")];
        assert!(read(&[bucket], &roles).unwrap_err().contains("AWS_SESSION_TOKEN"));
    }
}
