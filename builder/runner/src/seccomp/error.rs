//! What can be wrong with a profile.

/// Why a profile was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not a profile in JSON.
    #[error("reading the seccomp profile")]
    Json(#[from] serde_json::Error),
    /// A word the format does not have.
    #[error("seccomp profile: unknown {what} {value:?}")]
    Unknown {
        /// What was expected: "action", "operator", …
        what: &'static str,
        /// What was found.
        value: String,
    },
    /// A word of the format that rbuild does not offer.
    #[error("seccomp profile: {value} is not supported: {reason}")]
    Unsupported {
        /// What was found.
        value: String,
        /// Why it is not offered.
        reason: &'static str,
    },
    /// Two fields that exclude each other.
    #[error("seccomp profile: {first:?} and {second:?} cannot both be given")]
    Conflict {
        /// One field.
        first: &'static str,
        /// The other field.
        second: &'static str,
    },
    /// A number beyond what the kernel has.
    #[error("seccomp profile: {what} {value} is more than {most}")]
    TooLarge {
        /// Which number.
        what: &'static str,
        /// What was found.
        value: u64,
        /// The largest possible.
        most: u64,
    },
    /// The filter has more instructions than the kernel takes (`BPF_MAXINSNS`).
    #[error("seccomp profile: its filter has {instructions} instructions, the kernel takes {most}")]
    TooLong {
        /// Its length.
        instructions: usize,
        /// The longest possible.
        most: usize,
    },
}
