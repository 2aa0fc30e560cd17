//! What helps, for each error that something helps with. Knows nothing of how it is shown.

use crate::error::Error;
use std::io;

/// What may help, the most specific first.
pub(crate) fn hints(error: &Error) -> Vec<String> {
    let one = match error {
        Error::Parse(error) => error.hint.clone(),
        Error::Graph(error) => error.hint.clone(),
        Error::NotFound { hint, .. }
        | Error::Command { hint, .. }
        | Error::UnknownAccount { hint, .. }
        | Error::Unfit { hint, .. }
        | Error::Start { hint, .. } => hint.clone(),
        Error::NoContainer { hint, .. } => Some(hint.clone()),
        Error::Damaged { id, .. } => Some(format!("`rbuild rm {id}` removes it with all that it wrote")),
        Error::Store(error) => error.hint().map(str::to_owned),
        Error::Records(rbuild_records::Error::Io { source, .. } | rbuild_records::Error::Tidy { source, .. }) => {
            rbuild_store::Error::hint_for(source).map(str::to_owned)
        }
        Error::Runner(error) => error.hint().map(str::to_owned),
        Error::Io { source, .. } => of_system(source).map(str::to_owned),
        Error::Registry(error) => error.hint().map(str::to_owned),
        Error::NotLocked { .. } => Some("`rbuild lock` with the same options writes what is missing there".to_owned()),
        Error::NotAllowed { entitlement } => {
            Some(format!("to trust this Dockerfile with it, build with --allow {entitlement}"))
        }
        Error::Lint { .. } => {
            Some("warnings are errors here by check=error=true; --check shows each with its fix".to_owned())
        }
        Error::At { source, hint, .. } => return hint.iter().cloned().chain(hints(source)).collect(),
        _ => None,
    };
    one.into_iter().collect()
}

/// What helps where the system refuses something outside the store.
fn of_system(error: &io::Error) -> Option<&'static str> {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match error.kind() {
        StorageFull | QuotaExceeded => Some("free space there, or choose another place"),
        ReadOnlyFilesystem => Some("the file system is read-only: choose another place"),
        PermissionDenied => {
            Some("check who owns it and what its mode is; .dockerignore can leave out what is not needed")
        }
        _ => None,
    }
}
