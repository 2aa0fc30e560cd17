//! `rbuild build --call=outline`: what a target can be given. Builds nothing.
