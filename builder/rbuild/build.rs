//! The static binary is linked with the functions first that every start needs: see order.ld. Decides nothing else.

fn main() {
    println!("cargo::rerun-if-changed=order.ld");
    let target = |of: &str| std::env::var(format!("CARGO_CFG_TARGET_{of}")).unwrap_or_default();
    if target("OS") == "linux" && target("ENV") == "musl" {
        let home = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{home}/order.ld");
    }
}
