//! Programs that run beside the test, and are ended with it.

use core::time::Duration;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

/// For what has to happen at some time.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Why a program cannot be used.
pub(super) fn program_is_missing(program: &str) -> Option<String> {
    let silent = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_there = silent.is_ok_and(|status| status.success());
    (!is_there).then(|| {
        format!("{program} is not installed; on Debian or Ubuntu: sudo apt-get install -y {}", package(program))
    })
}

fn package(program: &str) -> &str {
    if program == "promtool" { "prometheus" } else { program }
}

/// What a command prints; its errors where it fails.
pub(super) fn output(command: &mut Command) -> Result<String> {
    let ran = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))?;
    let [out, err] = [&ran.stdout, &ran.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    ensure!(ran.status.success(), "{command:?} failed: {out}{err}");
    Ok(out)
}

/// A program that is ended when this is dropped.
pub(super) struct Background(pub(super) Child);

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A kinglet-serve, and where it listens.
pub(super) struct Running {
    child: Background,
    pub(super) http: String,
    pub(super) grpc: String,
}

impl Running {
    pub(super) fn start(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let lines = BufReader::new(child.stdout.take().context("the server has no output")?).lines();
        let mut running = Running { child: Background(child), http: String::new(), grpc: String::new() };
        for line in lines.take(2) {
            let line = line.context("the server's output")?;
            match line.split_once(' ') {
                Some(("http", address)) => address.clone_into(&mut running.http),
                Some(("grpc", address)) => address.clone_into(&mut running.grpc),
                _ => bail!("the server says {line:?}"),
            }
        }
        ensure!(!running.http.is_empty() && !running.grpc.is_empty(), "the server did not start");
        Ok(running)
    }

    /// Tells it to end, as systemd and Kubernetes do; its exit code.
    pub(super) fn terminate(mut self) -> Result<Option<i32>> {
        let id = self.child.0.id().to_string();
        output(Command::new("kill").args(["-TERM", &id]))?;
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.child.0.try_wait().context("cannot wait for the server")? {
                return Ok(status.code());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("the server did not end within {} s", PATIENCE.as_secs());
    }
}
