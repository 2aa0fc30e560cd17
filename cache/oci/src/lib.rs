//! PURE. The nouns of the OCI specifications as values.
