//! What becomes of snapshots and drafts: kept, removed, raced for, torn by a crash.
