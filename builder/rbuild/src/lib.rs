//! Under construction in this commit; the map is in README.md.
