//! `SecretsUsedInArgOrEnv`: no variable of the image has the name of a secret.
use super::{Hits, Rule, Seen, Severity};

pub(super) const RULE: Rule = Rule {
    name: "SecretsUsedInArgOrEnv",
    about: "a variable is named like a secret, and everyone who has the image can read its value",
    page: Some("secrets-used-in-arg-or-env"),
    fix: "hand the secret to the step that needs it: RUN --mount=type=secret,id=…,env=… and --secret id=…",
    severity: Severity::Warning,
    look,
};

/// Parts of a name, between `_`, that make it a secret's.
const SECRET: [&str; 10] =
    ["apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"];

/// Parts that tell that it is not the secret itself.
const HARMLESS: [&str; 3] = ["public", "file", "version"];

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    let Seen::Variable { keyword, name } = seen else { return };
    let has = |words: &[&str]| name.split('_').any(|part| words.iter().any(|word| part.eq_ignore_ascii_case(word)));
    if has(&SECRET) && !has(&HARMLESS) {
        hits.here(format!("Do not use ARG or ENV instructions for sensitive data ({keyword} {name:?})"));
    }
}

#[cfg(test)]
#[test]
fn names_of_secrets() {
    use super::testing::to;
    let shown = |name| to(&RULE, &Seen::Variable { keyword: "ENV", name });
    for secret in ["apikey", "DATABASE_PASSWORD", "GitHub_Token", "secret_MESSAGE", "AUTH", "git_key", "a_passwd_b"] {
        assert_eq!(
            shown(secret),
            [format!("Do not use ARG or ENV instructions for sensitive data (ENV \"{secret}\")")]
        );
    }
    for harmless in ["PUBLIC_KEY", "password_file", "AUTH_MODULE_VERSION", "KEYBOARD", "MONKEY", "author", ""] {
        assert!(shown(harmless).is_empty(), "{harmless}");
    }
}
