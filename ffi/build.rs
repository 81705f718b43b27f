//! Gives the shared library the name that programs look for: another major number would be another library.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let has_soname = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| ["linux", "android"].contains(&os.as_str()));
    // What the JVM loads has one caller, who brings it along, and no version in its name.
    let is_for_jvm = std::env::var_os("CARGO_FEATURE_JNI").is_some();
    if has_soname && is_for_jvm {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libkinglet_jni.so");
    } else if has_soname {
        let major = std::env::var("CARGO_PKG_VERSION_MAJOR").unwrap_or_default();
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libkinglet.so.{major}");
    }
}
