//! Exports the C interface of plugins from the program: see the crate `tsapi`. Tells the program what
//! compiles it: see `atslab bench --baseline`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let compiler = std::env::var_os("RUSTC").expect("Cargo sets it");
    let version = std::process::Command::new(compiler).arg("--version").output();
    let version = version.expect("the compiler tells its version").stdout;
    println!("cargo::rustc-env=ATSLAB_RUSTC={}", String::from_utf8_lossy(&version).trim());
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
