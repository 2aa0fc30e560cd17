//! How a plan travels from the parent to its child: a private byte form, never stored, always between two copies of
//! the same program. Knows no socket.

use std::net::Ipv4Addr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use crate::caps::Caps;
use crate::container::{Overlay, Propagation, Resource};
use crate::namespaces::Spaces;
use crate::network::{Forward, Helper, HelperKind, Private, Task, Transport};
use crate::plan::{BindSource, MountFlags, Otherwise, SetupOp};
use crate::seccomp::SockFilter;
use crate::stub::Stub;

/// The bytes of a value.
pub(crate) fn encode<T: Wire>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    value.put(&mut out);
    out
}

/// The value of some bytes; `None` when they are cut short or not of this form.
pub(crate) fn decode<T: Wire>(mut bytes: &[u8]) -> Option<T> {
    let value = T::get(&mut bytes)?;
    bytes.is_empty().then_some(value)
}

/// A value with a byte form.
pub(crate) trait Wire: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn get(input: &mut &[u8]) -> Option<Self>;
}

/// What a child tells its parent, one message each.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// A mount point was made in the rootfs.
    Made { stub: Stub },
    /// The terminal's outer side travels with this message.
    Terminal {},
    /// The network namespace travels with this message.
    Network {},
    /// A helper cannot do its task.
    Refused { reason: Vec<u8> },
    /// A step failed.
    Failed { operation: Vec<u8>, errno: i32 },
    /// The program cannot be started.
    NoProgram { program: Vec<u8>, reason: Vec<u8>, code: u8 },
    /// What follows happens in this process, whose pidfd travels with this message; it waits to be let go on.
    Forked { pid: u32 },
    /// The container's mounts stand: what is told from now on needs no answer, but for a terminal and a network, and can
    /// wait until the program runs or never will.
    Rooted {},
    /// All is set up; the program comes next.
    Ready {},
}

macro_rules! integers {
    ($($kind:ty),*) => {$(
        impl Wire for $kind {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn get(input: &mut &[u8]) -> Option<Self> {
                let (head, rest) = input.split_first_chunk()?;
                *input = rest;
                Some(Self::from_le_bytes(*head))
            }
        }
    )*};
}
integers!(u8, u16, u32, u64, i32, i64);

/// An enum: a byte for the variant, then its fields in order.
macro_rules! variants {
    ($kind:ident { $($tag:literal => $variant:ident { $($field:ident),* }),* $(,)? }) => {
        impl Wire for $kind {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant { $($field),* } => {
                        out.push($tag);
                        $($field.put(out);)*
                    })*
                }
            }
            fn get(input: &mut &[u8]) -> Option<Self> {
                Some(match u8::get(input)? {
                    $($tag => Self::$variant { $($field: Wire::get(input)?),* },)*
                    _ => return None,
                })
            }
        }
    };
}

/// A struct: its fields in order.
macro_rules! fields {
    ($kind:ident { $($field:tt),* }) => {
        impl Wire for $kind {
            fn put(&self, out: &mut Vec<u8>) {
                $(self.$field.put(out);)*
            }
            fn get(input: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: Wire::get(input)?),* })
            }
        }
    };
}

fields!(Overlay { lowers, upper, work, volatile, userxattr });
fields!(MountFlags { 0 });
fields!(Spaces { 0 });
fields!(SockFilter { code, jt, jf, k });
fields!(Stub { path, directory, parent_before, parent_after });
variants!(Propagation { 0 => Private {}, 1 => Slave {}, 2 => Shared {} });
variants!(Otherwise { 0 => Fail {}, 1 => Bind { path }, 2 => Skip {} });
variants!(BindSource { 0 => Path { path }, 1 => Passed { index }, 2 => Held { index } });
variants!(Resource {
    0 => Core {}, 1 => Cpu {}, 2 => Data {}, 3 => Fsize {}, 4 => Locks {}, 5 => Memlock {}, 6 => Msgqueue {},
    7 => Nice {}, 8 => Nofile {}, 9 => Nproc {}, 10 => Rss {}, 11 => Rtprio {}, 12 => Rttime {}, 13 => Sigpending {},
    14 => Stack {},
});
variants!(Report {
    0 => Made { stub },
    1 => Terminal {},
    2 => Failed { operation, errno },
    3 => NoProgram { program, reason, code },
    4 => Ready {},
    5 => Network {},
    6 => Refused { reason },
    7 => Rooted {},
    8 => Forked { pid },
});
fields!(Task { private, root });
fields!(Private { helpers, forwards });
fields!(Helper { kind, program });
fields!(Forward { transport, ip, host, inner });
variants!(HelperKind { 0 => Pasta {}, 1 => Slirp4netns {} });
variants!(Transport { 0 => Tcp {}, 1 => Udp {} });
variants!(SetupOp {
    0 => Hold { path },
    1 => PrivateMounts {},
    2 => FileStore {},
    3 => OverlayRoot { overlay },
    4 => BindRoot { path },
    60 => PassedRoot { index },
    5 => Mount { fs, target, flags, options, otherwise },
    6 => Overlay { overlay, target, flags },
    7 => Device { path, major, minor },
    8 => Link { path, to },
    9 => Bind { source, target, flags, propagation },
    10 => File { path, content, mode, uid, gid, flags },
    11 => Mask { path },
    12 => ReadOnly { path },
    13 => ReadOnlyRoot {},
    14 => Pivot {},
    15 => Hostname { name },
    16 => Loopback {},
    17 => Limit { resource, soft, hard },
    18 => Session {},
    19 => Streams { owner },
    20 => Console { owner },
    21 => Chdir { path },
    22 => NoNewPrivileges {},
    23 => Seccomp { filter },
    24 => Bounding { caps },
    25 => Groups { gids },
    26 => Identity { uid, gid },
    27 => Capabilities { caps },
    28 => Reaper {},
    29 => Exec { argv, env, candidates },
    30 => Umask { mask },
    31 => Directory { path },
    32 => OwnGroup {},
    33 => OfferNetwork {},
    34 => AwaitNetwork {},
    35 => OomScore { score },
    36 => Sysctl { name, value },
    37 => Domainname { name },
    40 => Cgroup { path },
    41 => Enter { process, spaces },
    42 => Fork {},
    43 => Terminal {},
});

impl Wire for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn get(input: &mut &[u8]) -> Option<Self> {
        Some(u8::get(input)? != 0)
    }
}

impl Wire for Ipv4Addr {
    fn put(&self, out: &mut Vec<u8>) {
        self.to_bits().put(out);
    }
    fn get(input: &mut &[u8]) -> Option<Self> {
        u32::get(input).map(Self::from_bits)
    }
}

impl Wire for Caps {
    fn put(&self, out: &mut Vec<u8>) {
        self.bits().put(out);
    }
    fn get(input: &mut &[u8]) -> Option<Self> {
        u64::get(input).map(Self::from_bits)
    }
}

impl Wire for PathBuf {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_os_str().as_bytes().to_vec().put(out);
    }
    fn get(input: &mut &[u8]) -> Option<Self> {
        Some(Self::from(std::ffi::OsString::from_vec(Wire::get(input)?)))
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }
    fn get(input: &mut &[u8]) -> Option<Self> {
        Some(if bool::get(input)? { Some(T::get(input)?) } else { None })
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u64).put(out);
        for value in self {
            value.put(out);
        }
    }
    fn get(input: &mut &[u8]) -> Option<Self> {
        let length = usize::try_from(u64::get(input)?).ok()?;
        (length <= input.len()).then_some(())?;
        (0..length).map(|_| T::get(input)).collect()
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }
    fn get(input: &mut &[u8]) -> Option<Self> {
        Some((A::get(input)?, B::get(input)?))
    }
}
