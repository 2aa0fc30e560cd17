//! The static binary is linked with the functions first that every start needs: see order.ld. Decides nothing else.

use std::env::{VarError, var};

fn main() -> Result<(), VarError> {
    println!("cargo::rerun-if-changed=order.ld");
    let is_watched =
        |(of, value): (&str, &str)| var(format!("CARGO_CFG_TARGET_{of}")).is_ok_and(|found| found == value);
    if [("OS", "linux"), ("ENV", "musl"), ("ARCH", "x86_64")].into_iter().all(is_watched) {
        // Both GNU ld and lld take it, by way of a compiler and alone.
        println!("cargo::rustc-link-arg-bins=-T{}/order.ld", var("CARGO_MANIFEST_DIR")?);
    }
    Ok(())
}
