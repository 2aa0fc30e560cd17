//! What to change, for each way in which a host can fail. Words only.

use crate::error::Error;

/// One sentence, or a setting to write.
pub(super) fn of(error: &Error, host: &str) -> String {
    let text = error.to_string();
    let set = |what: &str| format!("in config.json: {{\"registries\": {{\"{host}\": {{{what}}}}}}}");
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["alert: CertificateRequired", "alert: BadCertificate", "alert: CertificateUnknown", "alert: UnknownCA"]) {
        return format!("it wants a certificate of the client: {}", set("\"cert\": \"FILE\", \"key\": \"FILE\""));
    }
    match error {
        Error::Tls { .. } if says(&["UnknownIssuer", "CaUsedAsEndEntity", "BadSignature"]) => {
            format!("name the authority that signed it: {}", set("\"ca\": [\"FILE\"]"))
        }
        Error::Tls { .. } if says(&["Expired", "certificate expired"]) => {
            "who keeps the registry has to renew its certificate; is the clock of this machine right?".to_owned()
        }
        Error::Tls { .. } if says(&["NotValidYet", "not valid yet"]) => {
            "is the clock of this machine right?".to_owned()
        }
        Error::Tls { .. } if says(&["not valid for name", "NotValidForName"]) => {
            "use a name that the certificate is for".to_owned()
        }
        Error::Tls { .. } => format!("if it speaks no TLS at all: {}", set("\"plain-http\": true")),
        Error::Unauthorized { .. } => format!("log in with an account that may use it: rbuild login {host}"),
        Error::Denied { .. } => format!("this account may not: ask who keeps it, or rbuild login {host} with another"),
        Error::NotFound { .. } => "check the name; a private repository also looks so to who may not see it".to_owned(),
        Error::TooManyRequests { .. } => format!("wait, log in (rbuild login {host}), or name a mirror"),
        Error::Interrupted { .. } => {
            "try again; if it stays so, something between here and there cuts connections".to_owned()
        }
        Error::Status { status: 500.., .. } => "the registry itself is not well: ask who keeps it".to_owned(),
        other => other.hint().unwrap_or("see what is said there").to_owned(),
    }
}
