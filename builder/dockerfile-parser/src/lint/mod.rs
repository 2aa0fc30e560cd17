//! Lint: what is not wrong in a Dockerfile but probably not meant. One rule a file, and a line in [`RULES`]: its name, its
//! text, its fix and what it looks at. Opens no file and knows no build: whoever parses or builds tells the [`Linter`]
//! what it comes to see, as [`Seen`], and every rule looks at what concerns it.
//!
//! Names and messages are those of BuildKit's build checks, which scripts match on.
mod consistent_instruction_casing;
mod copy_ignored_file;
mod duplicate_stage_name;
mod expose_invalid_format;
mod expose_proto_casing;
mod finding;
mod from_as_casing;
mod from_platform_flag_const_disallowed;
mod image_name_casing;
mod invalid_base_image_platform;
mod invalid_default_arg_in_from;
mod invalid_definition_description;
mod json_args_recommended;
mod legacy_key_value_format;
mod linter;
mod maintainer_deprecated;
mod multiple_instructions_disallowed;
mod no_empty_continuation;
mod redundant_target_platform;
mod reserved_stage_name;
mod secrets_used_in_arg_or_env;
mod seen;
mod stage_name_casing;
mod unconsumed_build_arg;
mod undefined_arg_in_from;
mod undefined_var;
mod workdir_relative_path;

pub use finding::{Finding, Place};
pub use linter::Linter;
pub use seen::{Hits, PlatformFlag, Seen, Site};

/// One thing to look for.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The name that `# check=skip=` knows it by.
    pub name: &'static str,
    /// What is amiss wherever it is found, in one sentence.
    pub about: &'static str,
    /// The last part of the address of its page, where there is one.
    pub page: Option<&'static str>,
    /// What to write instead.
    pub fix: &'static str,
    /// How much weight it has.
    pub severity: Severity,
    /// Looks at what was seen.
    look: fn(&Seen<'_>, &mut Hits),
}

/// How much weight a finding has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth a word in a build, but nothing that the Dockerfile can be blamed for: never fails a check.
    Notice,
    /// Fails a check, and with `error=true` the build.
    Warning,
    /// As a warning, but looked for only where `experimental=` asks for it.
    Experimental,
}

impl Rule {
    /// Where more is said about it.
    pub fn url(&self) -> Option<String> {
        self.page.map(|page| format!("https://docs.docker.com/go/dockerfile/rule/{page}/"))
    }
}

/// Every rule. To add one: its file, and its line here.
pub static RULES: [Rule; 24] = [
    consistent_instruction_casing::RULE,
    copy_ignored_file::RULE,
    duplicate_stage_name::RULE,
    expose_invalid_format::RULE,
    expose_proto_casing::RULE,
    from_as_casing::RULE,
    from_platform_flag_const_disallowed::RULE,
    image_name_casing::RULE,
    invalid_base_image_platform::RULE,
    invalid_default_arg_in_from::RULE,
    invalid_definition_description::RULE,
    json_args_recommended::RULE,
    legacy_key_value_format::RULE,
    maintainer_deprecated::RULE,
    multiple_instructions_disallowed::RULE,
    no_empty_continuation::RULE,
    redundant_target_platform::RULE,
    reserved_stage_name::RULE,
    secrets_used_in_arg_or_env::RULE,
    stage_name_casing::RULE,
    unconsumed_build_arg::RULE,
    undefined_arg_in_from::RULE,
    undefined_var::RULE,
    workdir_relative_path::RULE,
];

#[cfg(test)]
mod testing;
