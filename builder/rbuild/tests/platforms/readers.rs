//! Other programs read every output.
