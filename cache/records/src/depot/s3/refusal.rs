//! Why S3 says no: its XML read for a code and a message, and what the user can do about it. Knows no request.

use rbuild_registry::{Answer, Error, Result};

/// The most of an error that is read, in bytes, and shown, in characters.
const READ: u64 = 64 << 10;
const SHOWN: usize = 300;

/// The code of an answer that says no, and the error that it is. `sent` is the time that the request was signed at.
pub(super) fn refusal(mut answer: Answer<'_>, sent: &str) -> Result<(String, Error)> {
    let body = answer.bytes(READ, crate::depot::line::WITHIN)?;
    let body = String::from_utf8_lossy(&body);
    let code = element(&body, "Code").unwrap_or_default();
    Ok((code.clone(), answer.refusal(reason(&answer, &body, &code, sent))))
}

/// The error in the body of an answer that looked like a success, if there is one.
pub(super) fn hidden(answer: &Answer<'_>, body: &str) -> Option<Error> {
    let code = element(body, "Code").filter(|_| body.contains("<Error>"))?;
    Some(answer.unusable(reason(answer, body, &code, "")))
}

fn reason(answer: &Answer<'_>, body: &str, code: &str, sent: &str) -> String {
    let message = element(body, "Message").unwrap_or_else(|| answer.usual_reason().to_owned());
    let both = if code.is_empty() { message } else { format!("{code}: {message}") };
    let region = answer.header("x-amz-bucket-region").map(str::to_owned).or_else(|| element(body, "Region"));
    let advice = match (code, region) {
        ("RequestTimeTooSkewed", _) => {
            let theirs = element(body, "ServerTime").or_else(|| answer.header("date").map(str::to_owned));
            format!("the clock here says {sent}, theirs {}", theirs.as_deref().unwrap_or("nothing"))
        }
        ("SignatureDoesNotMatch", _) => "check the secret access key".to_owned(),
        ("InvalidAccessKeyId", _) => "check the access key id and the endpoint".to_owned(),
        ("ExpiredToken" | "InvalidToken", _) => "fetch new credentials".to_owned(),
        ("AccessDenied", _) => {
            "S3 says so of what is missing, too, to who may not list the bucket (s3:ListBucket)".to_owned()
        }
        ("NoSuchBucket", _) => "make it, or check bucket= and endpoint_url=".to_owned(),
        (_, Some(region)) => format!("the bucket is in {region}: set region={region}"),
        _ => return both,
    };
    format!("{both} ({advice})")
}

/// The text of the first element of that name, as far as it is shown.
pub(super) fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let mut plain = text.to_owned();
    for (entity, char) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")] {
        plain = plain.replace(entity, char);
    }
    Some(plain.trim().chars().filter(|char| !char.is_control()).take(SHOWN).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_as_text() {
        let xml = "<Error><Code>A</Code><Message>x &amp;lt; \u{7}y</Message></Error>";
        assert_eq!(element(xml, "Code").as_deref(), Some("A"));
        assert_eq!(element(xml, "Message").as_deref(), Some("x &lt; y"));
        assert_eq!(element(xml, "Region"), None);
        assert_eq!(element(&format!("<Code>{}</Code>", "x".repeat(999)), "Code").unwrap().len(), SHOWN);
    }
}
