//! Files beside a model, in a real folder.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use kinglet_tract::Siblings;

use crate::file;

/// The folder of a model.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder in which the file at `path` is.
    pub fn of(path: &Path) -> Self {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        Folder(parent.unwrap_or(Path::new(".")).to_path_buf())
    }

    /// The path of a regular file, reached by no symbolic link. That the names lead down only is the caller's to check.
    fn path(&self, location: &str) -> Result<PathBuf, String> {
        let mut path = self.0.clone();
        for name in location.split('/').filter(|name| *name != ".") {
            path.push(name);
            let found = fs::symlink_metadata(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            if found.is_symlink() {
                return Err(format!("{} is a symbolic link, which is not followed; copy the file", path.display()));
            }
        }
        Ok(path)
    }
}

impl Siblings for Folder {
    fn size_bytes(&self, location: &str) -> Result<u64, String> {
        let path = self.path(location)?;
        let file = file::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        file.metadata().map(|found| found.len()).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn read(&self, location: &str, offset: u64, len: usize) -> Result<Vec<u8>, String> {
        let path = self.path(location)?;
        let cannot = |error: String| format!("{}: {error}", path.display());
        let mut file = file::open(&path).map_err(|error| cannot(error.to_string()))?;
        file.seek(SeekFrom::Start(offset)).map_err(|error| cannot(error.to_string()))?;
        let mut bytes = Vec::new();
        file.take(len as u64).read_to_end(&mut bytes).map_err(|error| cannot(error.to_string()))?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_below_the_folder_are_read() {
        let root = std::env::temp_dir().join(format!("kinglet-siblings-{}", std::process::id()));
        fs::create_dir_all(root.join("below")).expect("a temporary directory");
        fs::write(root.join("below/w.bin"), b"0123456789").expect("written");
        let folder = Folder::of(&root.join("model.onnx"));
        assert_eq!(folder.size_bytes("below/w.bin"), Ok(10));
        assert_eq!(folder.read("./below/w.bin", 3, 4), Ok(b"3456".to_vec()));
        assert!(folder.size_bytes("below").is_err_and(|error| error.contains("regular file")));
        assert!(folder.size_bytes("w.bin").is_err_and(|error| error.contains("w.bin")));
        #[cfg(unix)]
        for (target, link) in [("below/w.bin", "link.bin"), ("below", "link")] {
            std::os::unix::fs::symlink(root.join(target), root.join(link)).expect("linked");
        }
        #[cfg(unix)]
        for location in ["link.bin", "link/w.bin"] {
            assert!(folder.size_bytes(location).is_err_and(|error| error.contains("symbolic link")), "{location}");
        }
        fs::remove_dir_all(&root).expect("removable");
    }
}
