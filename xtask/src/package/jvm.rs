//! The packages for Android and for JVMs, in a folder as Maven and Gradle read them:
//!
//! ```text
//! org/kinglet/kinglet-android/VERSION/kinglet-android-VERSION.aar, .pom
//!   AndroidManifest.xml, classes.jar, proguard.txt, R.txt
//!   jni/{arm64-v8a,armeabi-v7a,x86_64}/libkinglet_jni.so
//! org/kinglet/kinglet-jvm/VERSION/kinglet-jvm-VERSION.jar, .pom
//!   org/kinglet/*.class
//!   org/kinglet/native/linux-x86_64/libkinglet_jni.so       and other machines whose Rust target is installed
//! ```
//!
//! Neither the NDK nor Gradle is needed: see `jvm/native.rs`. What has been written is read again by Java's own tool and
//! checked entry by entry.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, bail, ensure};

use super::zip::{self, Entries};
use super::{sbom, version, write};
use crate::jvm::kotlin::{self, Kotlin};
use crate::jvm::native::{self, PLATFORMS, Platform};
use crate::jvm::{self, classes, output_of};
use crate::{prerequisites, tree};

/// Java 8, as class files have it.
const CLASS_VERSION: u8 = 52;

/// Makes the package for Android and returns the archive.
pub(super) fn android(kotlin: &Kotlin, out: &Path) -> Result<PathBuf> {
    let source = jvm::sources().join("package");
    let mut entries = Entries::new();
    for (name, file) in [
        ("AndroidManifest.xml", "AndroidManifest.xml"),
        ("proguard.txt", "proguard.txt"),
        ("META-INF/com/android/build/gradle/aar-metadata.properties", "aar-metadata.properties"),
    ] {
        entries.insert(name.into(), read(&source.join(file))?);
    }
    entries.insert("R.txt".into(), Vec::new());
    add_documents(&mut entries, "aarch64-linux-android")?;
    let mut classes = Entries::new();
    zip::add_folder(&mut classes, &classes::build(kotlin)?, "")?;
    entries.insert("classes.jar".into(), zip::bytes(&classes)?);
    for (platform, library) in libraries(|platform| platform.abi.is_some())? {
        let name = format!("jni/{}/{}", platform.abi.unwrap_or_default(), native::NAME);
        println!("{name}: {}", native::check_with_readelf(&library)?);
        entries.insert(name, read(&library)?);
    }
    let archive = publish(out, "kinglet-android", "aar", &entries)?;
    check(&archive, &entries)?;
    Ok(archive)
}

/// Makes the package for JVMs and returns the archive.
pub(super) fn desktop(kotlin: &Kotlin, out: &Path) -> Result<PathBuf> {
    let mut entries = Entries::new();
    zip::add_folder(&mut entries, &classes::build(kotlin)?, "")?;
    let manifest = format!(
        "Manifest-Version: 1.0\r\nImplementation-Title: kinglet\r\nImplementation-Version: {}\r\n\r\n",
        version()
    );
    entries.insert("META-INF/MANIFEST.MF".into(), manifest.into_bytes());
    add_documents(&mut entries, &crate::library::host()?)?;
    let is_here = |platform: &Platform| match (platform.resource, prerequisites::rust_target(platform.rust_target)) {
        (Some(resource), Err(missing)) => {
            println!("skipped: package: {resource}: {missing:#}");
            false
        }
        (resource, _) => resource.is_some(),
    };
    for (platform, library) in libraries(is_here)? {
        let name = format!("org/kinglet/native/{}/{}", platform.resource.unwrap_or_default(), native::NAME);
        println!("{name}: {}", native::check_with_readelf(&library)?);
        entries.insert(name, read(&library)?);
    }
    let archive = publish(out, "kinglet-jvm", "jar", &entries)?;
    check(&archive, &entries)?;
    Ok(archive)
}

/// Builds the libraries of some platforms, side by side: each is optimized as one, by one thread.
fn libraries(is_wanted: impl Fn(&Platform) -> bool) -> Result<Vec<(&'static Platform, PathBuf)>> {
    let wanted: Vec<&'static Platform> = PLATFORMS.iter().filter(|platform| is_wanted(platform)).collect();
    let build = |platform: &'static Platform| Ok((platform, native::build(platform)?));
    let built: Vec<Result<_>> = thread::scope(|scope| {
        let running: Vec<_> = wanted.iter().map(|platform| scope.spawn(move || build(platform))).collect();
        let end = |thread: thread::ScopedJoinHandle<'_, Result<_>>| {
            thread.join().unwrap_or_else(|_| bail!("the thread that builds a library has panicked"))
        };
        running.into_iter().map(end).collect()
    });
    built.into_iter().collect()
}

/// Licenses, and what the library is made of.
fn add_documents(entries: &mut Entries, target: &str) -> Result<()> {
    for license in ["LICENSE-MIT", "LICENSE-APACHE"] {
        entries.insert(format!("META-INF/{license}"), read(&tree::root().join(license))?);
    }
    entries.insert("META-INF/sbom.cdx.json".into(), sbom::of_library(target, "jni")?.into_bytes());
    Ok(())
}

/// Writes an archive and its description where Maven looks for them.
fn publish(out: &Path, artifact: &str, packaging: &str, entries: &Entries) -> Result<PathBuf> {
    let folder = out.join("org/kinglet").join(artifact).join(version());
    let name = format!("{artifact}-{}", version());
    let template = String::from_utf8(read(&jvm::sources().join("package/pom.xml.in"))?)?;
    let values =
        [("@ARTIFACT@", artifact), ("@VERSION@", version()), ("@PACKAGING@", packaging), ("@KOTLIN@", kotlin::VERSION)];
    let pom = values.iter().fold(template, |text, (mark, value)| text.replace(mark, value));
    write(&folder.join(format!("{name}.pom")), pom.as_bytes())?;
    let archive = folder.join(format!("{name}.{packaging}"));
    write(&archive, &zip::bytes(entries)?)?;
    Ok(archive)
}

/// Java's own tool finds all of it, byte by byte, and the classes are such as old systems load.
fn check(archive: &Path, entries: &Entries) -> Result<()> {
    let folder = jvm::target().join("unpacked");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let archive = archive.canonicalize().with_context(|| format!("cannot find {}", archive.display()))?;
    let list = output_of(Command::new("jar").arg("--list").arg("--file").arg(&archive))?;
    let found: BTreeSet<&str> = list.lines().collect();
    let expected: BTreeSet<&str> = entries.keys().map(String::as_str).collect();
    ensure!(found == expected, "{}: {found:?}", archive.display());
    output_of(Command::new("jar").arg("--extract").arg("--file").arg(&archive).current_dir(&folder))?;
    for (name, content) in entries {
        ensure!(read(&folder.join(name))? == *content, "{name} is another one in {}", archive.display());
    }
    if let Some(classes) = entries.get("classes.jar") {
        ensure!(classes.starts_with(b"PK"), "classes.jar is no archive");
        output_of(Command::new("jar").args(["--extract", "--file", "classes.jar"]).current_dir(&folder))?;
    }
    let mut classes = 0;
    for class in jvm::files_below(&folder, "class")? {
        let bytes = read(&class)?;
        ensure!(bytes.get(7) == Some(&CLASS_VERSION), "{} is not for Java 8", class.display());
        let names_android = bytes.windows(8).any(|window| window == b"android/");
        ensure!(!names_android, "{} names a class of Android", class.display());
        classes += 1;
    }
    ensure!(classes > 5 && folder.join("org/kinglet/Model.class").is_file(), "{} has no classes", archive.display());
    println!("{}: {} entries and {classes} classes are as they should be", archive.display(), entries.len());
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
