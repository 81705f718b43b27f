//! Runs an image under QEMU with the counter and collects what both say.

use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::board::Board;
use crate::counts::{self, Window};
use crate::prerequisites::QEMU;

/// The largest model on the slowest core needs about a minute on a modest machine.
const TIME_LIMIT: Duration = Duration::from_secs(900);

/// What came out of one emulation that the image ended with success or failure of its own.
pub(crate) struct Emulation {
    /// The image's exit status.
    pub(crate) success: bool,
    /// The counter's lines.
    pub(crate) counts: String,
    /// The bytes that the image sent.
    pub(crate) report: Vec<u8>,
    /// Executions per address within one window, if asked for: lines of `address count`.
    pub(crate) histogram: Option<String>,
}

impl Emulation {
    /// The outermost measured windows. An error when the image stopped inside one; what it reported says why.
    pub(crate) fn windows(&self) -> Result<Vec<Window>> {
        counts::parse(&self.counts)
    }
}

/// An image, ready to run.
pub(crate) struct Emulator<'a> {
    pub(crate) board: &'a Board,
    pub(crate) plugin: &'a Path,
    /// Where the files of the run go.
    pub(crate) folder: PathBuf,
    /// The outermost window to count executions per address in.
    pub(crate) histogram_window: Option<usize>,
    /// A file whose bytes are in memory when the image starts, and at which address.
    pub(crate) loaded: Option<(PathBuf, u64)>,
}

impl Emulator<'_> {
    pub(crate) fn run(&self, image: &Path) -> Result<Emulation> {
        fs::create_dir_all(&self.folder).with_context(|| format!("cannot make {}", self.folder.display()))?;
        let (report, log) = (self.folder.join("report.bin"), self.folder.join("qemu.log"));
        let (counts, histogram) = (self.fresh_file("counts.txt")?, self.fresh_file("histogram.txt")?);

        let mut plugin = format!("{},out={}", option_value(self.plugin)?, option_value(&counts)?);
        if let Some(window) = self.histogram_window {
            plugin += &format!(",hist={},window={window}", option_value(&histogram)?);
        }
        let mut command = Command::new(QEMU);
        command.args(["-M", self.board.machine, "-nographic", "-monitor", "none", "-serial", "none"]);
        // Virtual time follows the instruction count, so a run is the same every time.
        command.args(["-icount", "shift=0", "-semihosting-config", "enable=on,target=native"]);
        command.arg("-plugin").arg(plugin).arg("-kernel").arg(image);
        if let Some((file, address)) = &self.loaded {
            command.arg("-device").arg(format!("loader,file={},addr={address:#x},force-raw=on", option_value(file)?));
        }
        // What the image writes comes out of QEMU's standard output; what QEMU itself has to say, out of the other.
        command.stdin(Stdio::null()).stdout(create(&report)?).stderr(create(&log)?);

        let child = command.spawn().with_context(|| format!("cannot start {QEMU}"))?;
        let success = wait(child)?;
        let messages = fs::read_to_string(&log).unwrap_or_default();
        if !counts.exists() {
            let shown: Vec<String> = command.get_args().map(|a| a.to_string_lossy().into_owned()).collect();
            bail!(
                "{QEMU} did not run the image with the counter ({}). It must be built with TCG plugins.\n{QEMU} {}",
                if messages.trim().is_empty() { "it said nothing" } else { messages.trim() },
                shown.join(" "),
            );
        }
        if !messages.trim().is_empty() {
            eprintln!("{}", messages.trim());
        }
        Ok(Emulation {
            success,
            counts: fs::read_to_string(&counts).context("cannot read the counts")?,
            report: fs::read(&report).unwrap_or_default(),
            histogram: fs::read_to_string(&histogram).ok(),
        })
    }

    /// A path in the folder, without the file of an earlier run.
    fn fresh_file(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        match fs::remove_file(&path) {
            Ok(()) => Ok(path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(path),
            Err(error) => Err(error).with_context(|| format!("cannot remove {}", path.display())),
        }
    }
}

fn create(path: &Path) -> Result<fs::File> {
    fs::File::create(path).with_context(|| format!("cannot make {}", path.display()))
}

/// QEMU's options are separated by commas; one inside a value is written twice.
fn option_value(path: &Path) -> Result<String> {
    let text = path.to_str().with_context(|| format!("{} is not Unicode", path.display()))?;
    Ok(text.replace(',', ",,"))
}

/// Runs an image without the counter; what it prints is shown. True when it ended with success.
pub(crate) fn run_shown(board: &Board, image: &Path) -> Result<bool> {
    wait(plain(board, image).spawn().with_context(|| format!("cannot start {QEMU}"))?)
}

/// Runs an image without the counter, and returns what it printed; an error when it did not end with success.
pub(crate) fn run_quietly(board: &Board, image: &Path) -> Result<String> {
    let log = image.with_extension("log");
    let child = plain(board, image).stdout(create(&log)?).spawn().with_context(|| format!("cannot start {QEMU}"))?;
    let success = wait(child)?;
    let text = fs::read_to_string(&log).unwrap_or_default().trim().to_owned();
    if !success {
        bail!("{} fails: {text}", image.display());
    }
    Ok(text)
}

/// QEMU without the counter.
fn plain(board: &Board, image: &Path) -> Command {
    let mut qemu = Command::new(QEMU);
    qemu.args(["-M", board.machine, "-nographic", "-monitor", "none", "-serial", "none"]);
    qemu.args(["-semihosting-config", "enable=on,target=native", "-kernel"]).arg(image).stdin(Stdio::null());
    qemu
}

/// True when the process ended with status zero in time.
pub(crate) fn wait(mut child: Child) -> Result<bool> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for QEMU")? {
            return Ok(status.success());
        }
        if start.elapsed() > TIME_LIMIT {
            child.kill().context("cannot stop QEMU")?;
            child.wait().context("cannot wait for QEMU")?;
            bail!("the image did not end within {} s", TIME_LIMIT.as_secs());
        }
        sleep(Duration::from_millis(5));
    }
}
