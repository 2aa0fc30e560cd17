//! PURE. What a container is: the nouns that its `config.json` is made of. Knows no disk and no process.

mod config;
mod id;
mod image;
mod limits;
mod mount;
pub(crate) mod name;
mod port;
pub(crate) mod ports_text;
mod resolver;
mod words;

pub(crate) use config::VERSION;
pub use config::{Config, ImageSource, Network, Seccomp};
pub use id::ContainerId;
pub(crate) use id::random;
pub use image::Image;
pub(crate) use image::stack;
pub use limits::Limits;
pub use mount::{Bind, ImageMount, Mount, MountKind, Propagation, Recursive, Tmpfs, Volume};
pub use port::{Binding, Port, Ports, Protocol, Publish};
pub use resolver::Resolver;
