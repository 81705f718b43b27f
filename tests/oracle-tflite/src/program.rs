//! The `kinglet` program: compiles a model and runs it on raw bytes.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What went wrong, for the person who reads the test's output.
#[derive(Debug)]
pub struct Failure(pub String);

impl core::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The program, and a folder for what it reads and writes.
pub struct Kinglet {
    program: PathBuf,
    folder: PathBuf,
}

impl Kinglet {
    /// The program that `KINGLET_BIN` names, else the release build of the repository at `root`.
    pub fn find(root: &Path, folder: &Path) -> Result<Self, Failure> {
        let program =
            std::env::var_os("KINGLET_BIN").map_or_else(|| root.join("target/release/kinglet"), PathBuf::from);
        if !program.is_file() {
            let path = program.display();
            return Err(Failure(format!("there is no {path}; run: cargo build --release --bin kinglet")));
        }
        fs::create_dir_all(folder).map_err(|error| Failure(format!("{}: {error}", folder.display())))?;
        Ok(Kinglet { program, folder: folder.to_owned() })
    }

    /// Compiles a model; the blob's path.
    pub fn compile(&self, model: &Path) -> Result<PathBuf, Failure> {
        let blob = self.folder.join("model.kgl");
        let arguments: [&OsStr; 4] = ["compile".as_ref(), model.as_ref(), "--output".as_ref(), blob.as_ref()];
        self.call(&arguments)?;
        Ok(blob)
    }

    /// Runs a blob on one input in the blob's own type, little-endian; its one output likewise.
    pub fn run(&self, blob: &Path, input: &[u8]) -> Result<Vec<u8>, Failure> {
        let input_path = self.folder.join("input.bin");
        let output_path = self.folder.join("output.bin");
        let fail = |path: &Path, error| Failure(format!("{}: {error}", path.display()));
        fs::write(&input_path, input).map_err(|error| fail(&input_path, error))?;
        let arguments: [&OsStr; 6] = [
            "run".as_ref(),
            blob.as_ref(),
            "--input".as_ref(),
            input_path.as_ref(),
            "--output".as_ref(),
            output_path.as_ref(),
        ];
        self.call(&arguments)?;
        fs::read(&output_path).map_err(|error| fail(&output_path, error))
    }

    fn call(&self, arguments: &[&OsStr]) -> Result<(), Failure> {
        let output = Command::new(&self.program).args(arguments).output();
        let output = output.map_err(|error| Failure(format!("{}: {error}", self.program.display())))?;
        let said = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
        output.status.success().then_some(()).ok_or_else(|| Failure(format!("kinglet {arguments:?}: {}", said())))
    }
}
