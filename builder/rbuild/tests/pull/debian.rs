//! Against Debian's `docker-registry`.
