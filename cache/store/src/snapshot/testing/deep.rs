//! Stacks that are deeper than overlayfs takes.
