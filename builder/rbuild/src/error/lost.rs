//! Whether a failure is that of a layer which a cache does not have any more, however deep: in what a registry was to be
//! sent, or in what was read. Knows no cache.

use super::Error;
use std::io;

pub(super) fn is_lost(error: &Error) -> bool {
    match error {
        Error::At { source, .. } => is_lost(source),
        Error::Store(error) => in_store(error),
        Error::Records(error) => in_records(error),
        Error::Registry(error) => in_registry(error),
        Error::Io { source, .. } => in_io(source),
        _ => false,
    }
}

fn in_store(error: &rbuild_store::Error) -> bool {
    match error {
        rbuild_store::Error::Lost { .. } => true,
        rbuild_store::Error::Io { source, .. } => in_io(source),
        _ => false,
    }
}

fn in_records(error: &rbuild_records::Error) -> bool {
    match error {
        rbuild_records::Error::Store(error) => in_store(error),
        rbuild_records::Error::Network { source, .. } => in_registry(source),
        _ => false,
    }
}

fn in_registry(error: &rbuild_registry::Error) -> bool {
    use rbuild_registry::Error as Fault;
    match error {
        Fault::Local { source, .. } | Fault::Interrupted { source, .. } => in_io(source),
        Fault::Mirrors { source, .. } => in_registry(source),
        _ => false,
    }
}

fn in_io(error: &io::Error) -> bool {
    let Some(inner) = error.get_ref() else { return false };
    inner.downcast_ref().is_some_and(is_lost)
        || inner.downcast_ref().is_some_and(in_store)
        || inner.downcast_ref().is_some_and(in_records)
        || inner.downcast_ref().is_some_and(in_registry)
        || inner.downcast_ref().is_some_and(in_io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_found_at_any_depth_and_nothing_else_is_one() {
        let text = || "x".to_owned();
        let lost = || rbuild_store::Error::Lost { layer: text(), place: text(), reason: text() };
        let sent = |source| rbuild_registry::Error::Local { operation: "read", subject: text(), source };
        let read = io::Error::other(Error::Store(lost()));
        assert!(Error::from(sent(read)).is_lost());
        let deep = io::Error::other(rbuild_store::Error::io("read", "x")(io::Error::other(lost())));
        assert!(Error::io("send", "x")(io::Error::other(sent(deep))).is_lost());
        assert!(!Error::from(sent(io::ErrorKind::StorageFull.into())).is_lost());
        assert!(!Error::Step(text()).is_lost());
    }
}
