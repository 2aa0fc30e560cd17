//! What a URL gave when it was locked, in one line: a digest, and the time that the server said. PURE.

use rbuild_oci::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Content and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Content {
    /// Of the bytes.
    pub digest: Digest,
    /// In seconds since 1970; 0 where the server gave no date.
    pub modified: i64,
}

/// Between the two.
const OF: &str = " of ";

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.modified {
            0 => self.digest.fmt(f),
            seconds => write!(f, "{}{OF}{}", self.digest, Timestamp::from_seconds(seconds)),
        }
    }
}

impl From<Content> for String {
    fn from(content: Content) -> Self {
        content.to_string()
    }
}

impl TryFrom<String> for Content {
    type Error = rbuild_oci::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (digest, time) = text.split_once(OF).map_or((&*text, None), |(digest, time)| (digest, Some(time)));
        let modified = time.map(str::parse::<Timestamp>).transpose()?.map_or(0, |time| time.seconds);
        Ok(Self { digest: digest.parse()?, modified })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_both_or_the_digest_alone() {
        let digest = Digest::of(b"x");
        for (modified, end) in [(0, ""), (1, " of 1970-01-01T00:00:01Z"), (-1, " of 1969-12-31T23:59:59Z")] {
            let (content, text) = (Content { digest, modified }, format!("{digest}{end}"));
            assert_eq!((content.to_string(), Content::try_from(text.clone()).unwrap()), (text, content));
        }
        assert!(Content::try_from(format!("{digest} of yesterday")).is_err());
    }
}
