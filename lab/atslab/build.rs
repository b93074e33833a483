//! Exports the C interface of plugins from the program: see the crate `tsapi`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    // The part of the compiler's target that tsapi supports.
    if !(is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ARCH", "x86_64")) {
        return;
    }
    // A plugin finds in the program the functions that it calls, and only those.
    for names in ["TS*", "_TS*", "time"] {
        println!("cargo::rustc-link-arg-bins=-Wl,--export-dynamic-symbol={names}");
    }
}
