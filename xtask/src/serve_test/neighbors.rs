//! Programs of others beside the server: a registry of containers and a broker of messages, on ports of the system's choice.

use core::time::Duration;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::process::{Background, PATIENCE};

/// Debian's docker-registry.
pub(super) struct Registry {
    _child: Background,
    pub(super) address: String,
}

/// Mosquitto.
pub(super) struct Broker {
    _child: Background,
    pub(super) address: String,
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).context("no port is free")?.port())
}

/// Starts a program and waits until it listens.
fn start(command: &mut Command, port: u16) -> Result<Background> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = Background(command.spawn().with_context(|| format!("cannot start {command:?}"))?);
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        ensure!(start.elapsed() < PATIENCE, "{command:?} does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(child)
}

impl Registry {
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let port = free_port()?;
        let storage = folder.join("registry");
        let settings = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n",
            storage.display()
        );
        let file = folder.join("registry.yml");
        fs::write(&file, settings).context("cannot write the registry's settings")?;
        let child = start(Command::new("docker-registry").arg("serve").arg(&file), port)?;
        Ok(Registry { _child: child, address: format!("127.0.0.1:{port}") })
    }
}

impl Broker {
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let port = free_port()?;
        let file = folder.join("mosquitto.conf");
        fs::write(&file, format!("listener {port} 127.0.0.1\nallow_anonymous true\n"))
            .context("cannot write the broker's settings")?;
        let child = start(Command::new(mosquitto()).arg("-c").arg(&file), port)?;
        Ok(Broker { _child: child, address: format!("127.0.0.1:{port}") })
    }
}

/// Debian has it where only administrators look.
fn mosquitto() -> &'static str {
    if Path::new("/usr/sbin/mosquitto").exists() { "/usr/sbin/mosquitto" } else { "mosquitto" }
}

/// What has to be installed for both.
pub(super) fn are_missing() -> Option<String> {
    // Neither has an option that does nothing and ends well.
    let is_there = |program: &str| {
        Command::new(program).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    };
    let missing: Vec<&str> = [("docker-registry", "docker-registry"), (mosquitto(), "mosquitto")]
        .iter()
        .filter(|(program, _)| !is_there(program))
        .map(|(_, package)| *package)
        .collect();
    (!missing.is_empty()).then(|| format!("on Debian or Ubuntu: sudo apt-get install -y {}", missing.join(" ")))
}
