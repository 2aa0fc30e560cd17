//! DISK. Keeps bytes by digest: blobs, layers with their indexes, snapshots, tags, volumes, in one root that is an OCI
//! image layout. Has never heard of a Dockerfile, an instruction or a process.

mod beside;
mod boot;
pub mod content;
mod documents;
pub mod durable;
mod encoded;
mod error;
mod far;
mod files;
mod gc;
mod history;
pub mod layer;
mod layers;
mod layout;
mod lease;
mod lock;
mod refs;
mod root_dir;
mod settled;
pub mod snapshot;
pub mod testing;
mod tmp;
mod usage;
mod volume;

pub use beside::Beside;
pub use boot::boot_id;
pub use encoded::Encoded;
pub use error::{Error, Result, if_there};
pub use far::{Bring, Far, FarBlob};
pub use files::{FileCache, Lookups};
pub use gc::{Freed, Group, GroupKind, Sweep, Swept, lock_of, note_of};
pub use history::Histories;
pub use layers::{Landed, Layers, StoreTarball, StoreWriter, Unfinished};
pub use layout::{Bucket, FAILED_AGE, FAILED_MOST, Store};
pub use lease::Passage;
pub use refs::{REF_NAME, Refs, Tag};
pub use root_dir::{Cursor, Device, Dir, DirEntry, FileKind, Meta, RootDir, Walk, WalkEntry, Xattrs};
pub use settled::Settled;
pub use tmp::{TmpDir, TmpFile};
pub use usage::{Usage, room};
pub use volume::{
    ANONYMOUS, Going, LOCAL, LocalVolumes, Mounted, NewVolume, Removed, Volume, VolumeDriver, VolumeRecords,
    check_volume_name,
};
