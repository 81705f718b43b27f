//! In folders of their own under the system's temporary one; never on a device.

use super::*;

/// Discarding parts is for the whole process: tests that write take turns.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder of its own for each test, removed when the test passes.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("kinglet-file-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a temporary directory");
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("readable");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn files_are_replaced_whole_and_leave_nothing_behind() {
    let _turn = turn();
    let folder = folder("write");
    let path = folder.join("a.kgl");
    write(&path, b"one").expect("written");
    write(&path, b"two").expect("replaced");
    assert_eq!(fs::read(&path).expect("there"), b"two");
    assert!(write(&folder.join("missing").join("b.kgl"), b"x").is_err());
    assert!(write(&folder, b"x").is_err(), "a folder is not replaced");
    assert_eq!(names(&folder), ["a.kgl"]);
    fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn limits_hold() {
    let folder = folder("limit");
    let path = folder.join("a");
    fs::write(&path, [7; 100]).expect("written");
    assert_eq!(read(&path, 100).expect("read").len(), 100);
    assert!(matches!(read(&path, 99), Err(ReadError::TooLarge { size_bytes: 100, size_bytes_max: 99 })));
    assert!(matches!(read(&folder, 99), Err(ReadError::NotRegular)));
    assert!(matches!(read(&folder.join("b"), 99), Err(ReadError::System(_))));
    fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn parts_are_discarded() {
    let _turn = turn();
    let folder = folder("discard");
    let path = folder.join("a.kgl");
    let mut part = Part::create(&path).expect("created");
    part.file.write_all(b"half").expect("written");
    assert_eq!(names(&folder).len(), 1);
    drop(discard_parts());
    assert_eq!(names(&folder), [""; 0]);
    assert!(part.rename(&path).is_err(), "there is nothing to rename");
    drop(Part::create(&path).expect("created"));
    assert_eq!(names(&folder), [""; 0], "a part that is not renamed is removed");
    fs::remove_dir_all(&folder).expect("removed");
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{FileTypeExt, symlink};
    use std::process::Command;

    use super::*;

    fn make_pipe(path: &Path) {
        let status = Command::new("mkfifo").arg(path).status().expect("mkfifo is there");
        assert!(status.success());
    }

    #[test]
    fn a_symbolic_link_stays_one() {
        let _turn = turn();
        let folder = folder("link");
        fs::create_dir(folder.join("far")).expect("made");
        fs::write(folder.join("far/file"), b"old").expect("written");
        for (link, target) in [("first", "far/file"), ("second", "first"), ("dangling", "far/new")] {
            symlink(target, folder.join(link)).expect("linked");
        }
        symlink(folder.join("far/absolute"), folder.join("absolute")).expect("linked");
        for (name, target) in [("first", "file"), ("second", "file"), ("dangling", "new"), ("absolute", "absolute")] {
            let path = folder.join(name);
            write(&path, name.as_bytes()).expect("written");
            assert!(fs::symlink_metadata(&path).expect("there").is_symlink(), "{name}");
            assert_eq!(fs::read(folder.join("far").join(target)).expect("there"), name.as_bytes());
        }
        assert_eq!(names(&folder), ["absolute", "dangling", "far", "first", "second"]);
        assert_eq!(names(&folder.join("far")), ["absolute", "file", "new"]);
        symlink("loop", folder.join("loop")).expect("linked");
        assert!(write(&folder.join("loop"), b"x").is_err());
        fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn a_pipe_is_written_into_and_never_read() {
        let _turn = turn();
        let folder = folder("pipe");
        let pipe = folder.join("pipe");
        make_pipe(&pipe);
        symlink("pipe", folder.join("link")).expect("linked");
        for name in ["pipe", "link"] {
            let path = folder.join(name);
            let reader = std::thread::spawn({
                let pipe = pipe.clone();
                move || fs::read(pipe).expect("read")
            });
            write(&path, b"through").expect("written");
            assert_eq!(reader.join().expect("a reader"), b"through");
            assert!(matches!(read(&path, 1 << 20), Err(ReadError::NotRegular)), "a pipe may never begin");
        }
        assert!(fs::metadata(&pipe).expect("there").file_type().is_fifo());
        assert_eq!(names(&folder), ["link", "pipe"]);
        fs::remove_dir_all(&folder).expect("removed");
    }
}
