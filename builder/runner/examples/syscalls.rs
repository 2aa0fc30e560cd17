//! Makes system calls by raw number and prints what each answers: the probe of the tests that look at a filter from
//! inside a container. It needs no crate, so that `rustc --target x86_64-unknown-linux-musl` alone makes a static
//! program of it.
//!
//! ```text
//! syscalls [--caps MASK] FILE
//! ```
//! Each line of FILE is a number and up to six arguments, all decimal; each line of the output is the `errno` of one
//! call, 0 if it succeeded. With `--caps` all capabilities but those of the hexadecimal mask are given up first.
#![allow(unsafe_code, clippy::expect_used)]

use std::ffi::{c_int, c_long};
use std::io::Error;

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn capget(header: *mut Header, data: *mut [Sets; 2]) -> c_int;
    fn capset(header: *mut Header, data: *const [Sets; 2]) -> c_int;
}

/// `struct __user_cap_header_struct` of `linux/capability.h`.
#[repr(C)]
struct Header {
    version: u32,
    pid: c_int,
}

/// `struct __user_cap_data_struct` of `linux/capability.h`: 32 capabilities.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Sets {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

fn main() {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|arg| arg == "--caps") {
        keep(u64::from_str_radix(&args[1], 16).expect("a hexadecimal mask"));
        args.drain(..2);
    }
    let table = std::fs::read_to_string(&args[0]).expect("the file of calls");
    for line in table.lines() {
        let mut numbers = [0; 7];
        for (number, word) in numbers.iter_mut().zip(line.split_whitespace()) {
            *number = word.parse().expect("a decimal number");
        }
        println!("{}", answer(numbers));
    }
}

/// The `errno` of a call, 0 if it succeeds.
#[allow(clippy::many_single_char_names)] // as the kernel's calling convention numbers them
fn answer([number, a, b, c, d, e, f]: [c_long; 7]) -> i32 {
    // SAFETY: whoever wrote the table answers for the arguments; this program has nothing to lose.
    let result = unsafe { syscall(number, a, b, c, d, e, f) };
    if result == -1 { Error::last_os_error().raw_os_error().unwrap_or_default() } else { 0 }
}

/// Gives up every capability that is not in `mask`.
fn keep(mask: u64) {
    const VERSION_3: u32 = 0x2008_0522;
    let mut header = Header { version: VERSION_3, pid: 0 };
    let mut data = [Sets::default(); 2];
    // SAFETY: version 3 of the structures is two sets of 32 capabilities.
    assert_eq!(unsafe { capget(&raw mut header, &raw mut data) }, 0, "capget: {}", Error::last_os_error());
    for (sets, mask) in data.iter_mut().zip([mask as u32, (mask >> 32) as u32]) {
        let kept = sets.permitted & mask;
        *sets = Sets { effective: kept, permitted: kept, inheritable: 0 };
    }
    // SAFETY: as above.
    assert_eq!(unsafe { capset(&raw mut header, &raw const data) }, 0, "capset: {}", Error::last_os_error());
}
