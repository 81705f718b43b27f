//! Python with the packages that an oracle needs, in an environment of its own below the build folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::tree;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A Python that has the packages, instead of an environment of our own
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// Install nothing
    #[arg(long)]
    no_install: bool,
}

impl Arguments {
    /// A Python that has `packages` (`name==version`), made in the environment `name` if need be; or what to do about
    /// it, for a line that says what was skipped.
    pub(crate) fn find(&self, name: &str, packages: &[&str]) -> Result<PathBuf, String> {
        let list = packages.join(" ");
        if let Some(given) = &self.python {
            let shown = given.display();
            let missing = || format!("{shown} lacks packages; run: {shown} -m pip install --pre {list}");
            return if has_packages(given, packages) { Ok(given.clone()) } else { Err(missing()) };
        }
        let environment = tree::host_target().join(name);
        let python = environment.join("bin").join("python");
        if has_packages(&python, packages) {
            return Ok(python);
        }
        if self.no_install {
            return Err(format!("its packages are not installed: {list}"));
        }
        println!("$ python3 -m venv {} and pip install --pre {list}", environment.display());
        if !succeeds(Command::new("python3").args(["-m", "venv"]).arg(&environment)) {
            let remedy = "on Debian or Ubuntu: sudo apt-get install -y python3-venv";
            return Err(format!("python3 with its module venv is needed; {remedy}"));
        }
        let mut install = Command::new(&python);
        install.args(["-m", "pip", "install", "--quiet", "--pre"]).args(packages);
        if succeeds(&mut install) && has_packages(&python, packages) {
            return Ok(python);
        }
        Err(format!("pip could not install {list}"))
    }
}

/// Whether a Python has these packages in these versions.
fn has_packages(python: &Path, packages: &[&str]) -> bool {
    let lines: Vec<String> = packages
        .iter()
        .filter_map(|package| package.split_once("=="))
        .map(|(name, version)| format!("assert version({name:?}) == {version:?}"))
        .collect();
    let program = format!("from importlib.metadata import version\n{}", lines.join("\n"));
    succeeds(Command::new(python).args(["-c", &program]))
}

fn succeeds(command: &mut Command) -> bool {
    let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}
