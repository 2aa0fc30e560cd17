//! What containers can have on this machine, each answer with its reason. Leaves nothing behind.
