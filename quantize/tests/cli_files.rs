//! The `kinglet` command and files that are no ordinary ones: pipes, symbolic links, signals in the middle of writing.
//! Everything happens in folders of their own; no test goes near a device.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const KINGLET: &str = env!("CARGO_BIN_EXE_kinglet");
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/digits/model.onnx");

fn folder(test: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("kinglet-cli-files-{test}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a temporary directory");
    folder
}

fn pipe(folder: &Path) -> PathBuf {
    let pipe = folder.join("pipe.npy");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there").success());
    pipe
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn kinglet(arguments: &[&str]) -> Output {
    Command::new(KINGLET).args(arguments).output().expect("runs")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("readable");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn outputs_go_into_pipes_and_behind_links() {
    let folder = folder("out");
    let (pipe, plain, link) = (pipe(&folder), folder.join("plain.kgl"), folder.join("link.kgl"));
    assert!(kinglet(&["compile", MODEL, "-o", text(&plain)]).status.success());
    let blob = fs::read(&plain).expect("written");
    let read = |path: &Path| {
        let path = path.to_owned();
        std::thread::spawn(move || fs::read(path).expect("read"))
    };

    let reader = read(&pipe);
    assert!(kinglet(&["compile", MODEL, "-o", text(&pipe)]).status.success());
    assert_eq!(reader.join().expect("a reader"), blob);
    symlink("plain.kgl", &link).expect("linked");
    fs::write(&plain, "old").expect("written");
    assert!(kinglet(&["compile", MODEL, "-o", text(&link)]).status.success());
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    assert_eq!(fs::read(&plain).expect("there"), blob);

    let input = folder.join("in.bin");
    fs::write(&input, vec![0; 28 * 28 * 4]).expect("written");
    let reader = read(&pipe);
    let ran = kinglet(&["run", text(&plain), "--input", text(&input), "--output", text(&pipe)]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(reader.join().expect("a reader").starts_with(b"\x93NUMPY"));
    assert!(fs::metadata(&pipe).expect("there").file_type().is_fifo(), "a pipe stays a pipe");
    fs::remove_dir_all(&folder).expect("removed");
}

/// Reading one would wait for somebody who writes; here nobody does.
#[test]
fn pipes_are_not_read() {
    let folder = folder("in");
    let (pipe, blob, input) = (pipe(&folder), folder.join("a.kgl"), folder.join("in.bin"));
    assert!(kinglet(&["compile", MODEL, "-o", text(&blob)]).status.success());
    fs::write(&input, vec![0; 28 * 28 * 4]).expect("written");
    let onnx = folder.join("pipe.onnx");
    symlink("pipe.npy", &onnx).expect("linked");
    let (pipe, blob, out) = (text(&pipe), text(&blob), folder.join("out.kgl"));
    let commands: [&[&str]; 8] = [
        &["compile", text(&onnx), "-o", text(&out)],
        &["compile", MODEL, "--calib", pipe, "-o", text(&out)],
        &["compile", MODEL, "--labels", pipe, "-o", text(&out)],
        &["inspect", pipe],
        &["verify", pipe],
        &["run", pipe, "--input", text(&input)],
        &["run", blob, "--input", pipe],
        &["compare", MODEL, blob, "--data", pipe],
    ];
    for arguments in commands {
        let output = kinglet(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {errors}");
        assert!(errors.contains("pipe") && errors.contains("no regular file"), "{arguments:?}: {errors}");
    }
    assert!(!out.exists());
    fs::remove_dir_all(&folder).expect("removed");
}

/// A blob of 240 bytes may ask for an arena of nearly 2 GiB.
#[test]
fn a_blob_may_ask_for_more_memory_than_there_is() {
    let folder = folder("arena");
    let blob = folder.join("huge.kgl");
    let writer = kinglet_blob::Writer { arena_bytes: 0x7fff_fff0, ..Default::default() };
    fs::write(&blob, writer.finish().expect("fits")).expect("written");
    let limited = |command: &str| {
        let script = format!("ulimit -v 1000000; exec \"$0\" {command} \"$1\"");
        Command::new("sh").args(["-c", &script, KINGLET, text(&blob)]).output().expect("runs")
    };
    for command in ["verify", "inspect", "ops"] {
        let output = limited(command);
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let output = limited("bench");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("an arena of 2147483632 bytes, which this machine does not have"), "{errors}");
    fs::remove_dir_all(&folder).expect("removed");
}

/// True where signals are ignored that the command would handle, as in a background job of a shell script: then it
/// leaves them all alone.
fn signals_are_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    // Hang-up, interrupt and termination are 1, 2 and 15.
    mask & (1 | 1 << 1 | 1 << 14) != 0
}

/// Wherever the signal falls, the output is whole or not there, and nothing else is.
#[test]
fn a_signal_leaves_nothing_half_written() {
    if signals_are_ignored() {
        println!("skipped: signals in the middle of writing, which are ignored here");
        return;
    }
    let folder = folder("signal");
    let (whole, out) = (folder.join("whole.kgl"), folder.join("out.kgl"));
    assert!(kinglet(&["compile", MODEL, "-o", text(&whole)]).status.success());
    let blob = fs::read(&whole).expect("written");
    fs::remove_file(&whole).expect("removed");
    for signal in ["-INT", "-TERM"] {
        for round in 0..20u64 {
            let mut child = Command::new(KINGLET)
                .args(["compile", MODEL, "-o", text(&out)])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("starts");
            std::thread::sleep(core::time::Duration::from_millis(round * 3));
            // It may have ended by itself.
            let _ = Command::new("kill").args([signal, &child.id().to_string()]).stderr(Stdio::null()).status();
            child.wait().expect("ends");
            let names = names(&folder);
            assert!(names.is_empty() || names == ["out.kgl"], "{signal} after {} ms: {names:?}", round * 3);
            if out.exists() {
                assert_eq!(fs::read(&out).expect("there"), blob);
                fs::remove_file(&out).expect("removed");
            }
        }
    }
    fs::remove_dir_all(&folder).expect("removed");
}
