//! `libkinglet_jni.so` for Linux and Android, linked without a toolchain of the system: the static library and the linker
//! that comes with Rust are enough, since nothing in it needs more of a C library than four functions.
//!
//! The linker has to know which library has them. Instead of that library it gets one of the same name that has nothing
//! but these symbols; so every symbol comes from a library that is named, or linking fails. The library is built with
//! `panic-proof`: a panic that could be reached would be a symbol that no library has.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Object, ObjectSymbol};

use super::output_of;
use crate::library::{self, Library};
use crate::prerequisites;

/// A kind of machine that the library is linked for.
#[derive(Debug)]
pub(crate) struct Platform {
    /// Rust's name for it.
    pub(crate) rust_target: &'static str,
    /// The folder of the library in a package for Android; none for other systems.
    pub(crate) abi: Option<&'static str>,
    /// The folder of the library in a jar, after `system-processor`; none for Android.
    pub(crate) resource: Option<&'static str>,
    /// The linker's name for its files.
    emulation: &'static str,
    /// The name of the C library.
    c_library: &'static str,
}

impl Platform {
    const fn android(rust_target: &'static str, abi: &'static str, emulation: &'static str) -> Self {
        Platform { rust_target, abi: Some(abi), resource: None, emulation, c_library: "libc.so" }
    }

    const fn linux(rust_target: &'static str, resource: &'static str, emulation: &'static str) -> Self {
        Platform { rust_target, abi: None, resource: Some(resource), emulation, c_library: "libc.so.6" }
    }
}

/// All of them.
pub(crate) const PLATFORMS: [Platform; 5] = [
    Platform::android("aarch64-linux-android", "arm64-v8a", "aarch64linux"),
    Platform::android("armv7-linux-androideabi", "armeabi-v7a", "armelf_linux_eabi"),
    Platform::android("x86_64-linux-android", "x86_64", "elf_x86_64"),
    Platform::linux("x86_64-unknown-linux-gnu", "linux-x86_64", "elf_x86_64"),
    Platform::linux("aarch64-unknown-linux-gnu", "linux-aarch64", "aarch64linux"),
];

/// The file's name.
pub(crate) const NAME: &str = "libkinglet_jni.so";

/// What the library may take of the C library. Android's has them all since its first version; so has every glibc.
const OF_C: [&str; 6] = ["bcmp", "getauxval", "memcmp", "memcpy", "memmove", "memset"];
/// And on Arm of 32 bits, by the names of its run-time interface.
const OF_C_ON_ARM: [&str; 8] = [
    "__aeabi_memclr",
    "__aeabi_memclr4",
    "__aeabi_memclr8",
    "__aeabi_memcpy",
    "__aeabi_memcpy4",
    "__aeabi_memcpy8",
    "__aeabi_memmove",
    "__aeabi_memset",
];

/// Pages of new phones have 16 KB.
const PAGE_BYTES: u64 = 16 * 1024;

/// The platform of this machine, if it is one.
pub(crate) fn host() -> Result<Option<&'static Platform>> {
    let host = library::host()?;
    Ok(PLATFORMS.iter().find(|platform| platform.rust_target == host))
}

/// Builds the library, checks it, and returns the file.
pub(crate) fn build(platform: &'static Platform) -> Result<PathBuf> {
    let linker = library::rust_linker()?.context("the Rust compiler has come without rust-lld")?;
    let is_host = library::host()? == platform.rust_target;
    if !is_host {
        prerequisites::rust_target(platform.rust_target)?;
    }
    let target = (!is_host).then_some(platform.rust_target);
    let archive = Library { target, features: vec!["jni", "panic-proof"], ..Library::default() }.build()?;
    let folder = super::target().join(platform.rust_target);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let exports = exports(&archive)?;
    let library = folder.join(NAME);
    let mut command = Command::new(&linker);
    command.args(["-flavor", "gnu", "-m", platform.emulation, "-shared", "-soname", NAME, "-o"]).arg(&library);
    command
        .args(exports.iter().flat_map(|name| ["-u", name]))
        .arg(&archive)
        .arg(c_library(platform, &linker, &folder)?);
    let script = folder.join("exports.map");
    write(&script, &format!("{{ global: {}; local: *; }};\n", exports.join("; ")))?;
    command.arg(format!("--version-script={}", script.display()));
    command.args(["-z", "defs", "-z", "relro", "-z", "now", "-z", "noexecstack", "--gc-sections", "--strip-all"]);
    // The older table of symbols as well, for Android before 6.
    command.args(["-z", &format!("max-page-size={PAGE_BYTES}"), "--hash-style=both"]);
    output_of(&mut command).with_context(|| format!("linking for {}", platform.rust_target))?;
    check(&library, platform, &exports)?;
    Ok(library)
}

/// A library of the C library's name with nothing but what may be taken of it.
fn c_library(platform: &Platform, linker: &Path, folder: &Path) -> Result<PathBuf> {
    let (script, library) = (folder.join("c.ld"), folder.join(platform.c_library));
    let text: String = c_functions(platform).map(|name| format!("{name} = 0;\n")).collect();
    write(&script, &text)?;
    let mut command = Command::new(linker);
    command.args(["-flavor", "gnu", "-m", platform.emulation, "-shared", "-soname", platform.c_library, "-o"]);
    output_of(command.arg(&library).arg(&script))?;
    Ok(library)
}

fn c_functions(platform: &Platform) -> impl Iterator<Item = &'static str> {
    let is_arm = platform.rust_target.starts_with("armv7");
    OF_C.into_iter().chain(OF_C_ON_ARM.into_iter().filter(move |_| is_arm))
}

/// The functions that Kotlin declares. Those of C are left out: who wants them has an archive of their own.
fn exports(archive: &Path) -> Result<Vec<String>> {
    let source = super::sources().join("src/main/kotlin/org/kinglet/Native.kt");
    let text = fs::read_to_string(&source).with_context(|| format!("cannot read {}", source.display()))?;
    let declared = text.split("external fun ").skip(1).filter_map(|rest| rest.split_once('('));
    let names: Vec<String> = declared.map(|(name, _)| format!("Java_org_kinglet_Native_{name}")).collect();
    ensure!(!names.is_empty(), "{} declares nothing", source.display());
    let bytes = fs::read(archive).with_context(|| format!("cannot read {}", archive.display()))?;
    let has = |name: &str| bytes.windows(name.len()).any(|window| window == name.as_bytes());
    let lacking: Vec<&String> = names.iter().filter(|name| !has(name)).collect();
    ensure!(lacking.is_empty(), "Kotlin declares what the library has not: {lacking:?}");
    Ok(names)
}

/// What must be true of a finished library.
fn check(library: &Path, platform: &Platform, exports: &[String]) -> Result<()> {
    let bytes = fs::read(library).with_context(|| format!("cannot read {}", library.display()))?;
    let shown = library.display();
    let file = object::File::parse(&*bytes).with_context(|| format!("cannot read {shown}"))?;
    for symbol in file.dynamic_symbols().filter(|symbol| symbol.is_undefined() && symbol.name() != Ok("")) {
        let name = symbol.name()?;
        ensure!(c_functions(platform).any(|known| known == name), "{shown} wants {name}, which no named library has");
    }
    let given: Vec<&str> = file.dynamic_symbols().filter(|s| s.is_definition()).filter_map(|s| s.name().ok()).collect();
    ensure!(given.len() == exports.len(), "{shown} exports {given:?}");
    let aligned = match platform.emulation {
        "armelf_linux_eabi" => pages::<object::elf::FileHeader32<object::Endianness>>(&bytes)?,
        _ => pages::<object::elf::FileHeader64<object::Endianness>>(&bytes)?,
    };
    ensure!(aligned, "{shown} has a segment that does not begin at a page of {PAGE_BYTES} bytes");
    Ok(())
}

/// Whether every loaded segment may begin at a large page, and none is writable and executable.
fn pages<Header: FileHeader<Endian = object::Endianness>>(bytes: &[u8]) -> Result<bool> {
    let header = Header::parse(bytes)?;
    let endian = header.endian()?;
    let both = object::elf::PF_W | object::elf::PF_X;
    let loaded = header.program_headers(endian, bytes)?.iter().filter(|s| s.p_type(endian) == object::elf::PT_LOAD);
    let mut good = true;
    for segment in loaded {
        let align: u64 = segment.p_align(endian).into();
        good &= align >= PAGE_BYTES && segment.p_flags(endian) & both != both;
    }
    Ok(good)
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Checks a finished library from outside, with the tools that people use.
pub(crate) fn check_with_readelf(library: &Path) -> Result<String> {
    let segments = output_of(Command::new("readelf").args(["-lW"]).arg(library))?;
    let loads: Vec<&str> = segments.lines().map(str::trim).filter(|line| line.starts_with("LOAD")).collect();
    let aligned = loads.iter().all(|line| line.ends_with("0x4000"));
    ensure!(!loads.is_empty() && aligned, "{}: {loads:#?}", library.display());
    let dynamic = output_of(Command::new("readelf").arg("-d").arg(library))?;
    let needed: Vec<&str> =
        dynamic.lines().filter(|line| line.contains("(NEEDED)")).filter_map(|line| line.split('[').nth(1)).collect();
    ensure!(needed.len() <= 1, "{} needs {needed:?}", library.display());
    let bytes = fs::metadata(library).with_context(|| format!("cannot find {}", library.display()))?.len();
    Ok(format!("{bytes} bytes, {} segments at 16 KB", loads.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree;

    #[test]
    fn platforms_are_android_or_desktop() {
        for platform in &PLATFORMS {
            assert_ne!(platform.abi.is_some(), platform.resource.is_some(), "{}", platform.rust_target);
            let is_android = platform.rust_target.contains("android");
            assert_eq!(is_android, platform.abi.is_some(), "{}", platform.rust_target);
        }
    }

    #[test]
    fn every_native_function_is_declared_once() {
        let folder = tree::root().join("ffi/src/jni");
        let mut defined: Vec<String> = Vec::new();
        for file in super::super::files_below(&folder, "rs").unwrap() {
            let text = fs::read_to_string(file).unwrap();
            let names = text.split("fn Java_org_kinglet_Native_").skip(1).filter_map(|rest| rest.split_once('('));
            defined.extend(names.map(|(name, _)| name.to_owned()));
        }
        let text = fs::read_to_string(super::super::sources().join("src/main/kotlin/org/kinglet/Native.kt")).unwrap();
        let declared = text.split("external fun ").skip(1).filter_map(|rest| rest.split_once('('));
        let mut declared: Vec<String> = declared.map(|(name, _)| name.to_owned()).collect();
        defined.sort();
        declared.sort();
        assert_eq!(defined, declared);
        assert!(defined.len() > 10);
    }
}
