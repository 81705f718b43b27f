//! The server's metrics, as Prometheus takes them.

use core::time::Duration;
use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::Workplace;
use super::process::{Background, PATIENCE, Running, output};

const RULES: &str = "rules.json";

/// The rules are rules, and do what their unit tests say.
pub(super) fn rules(workplace: &Workplace) -> Result<String> {
    write_rules(workplace)?;
    let tests = output(Command::new(&workplace.serve).args(["rules-tests", RULES]))?;
    fs::write(workplace.folder.join("rules-tests.json"), tests).context("cannot write the tests")?;
    let promtool = |arguments: &[&str]| output(Command::new("promtool").args(arguments).current_dir(&workplace.folder));
    let checked = promtool(&["check", "rules", RULES])?;
    promtool(&["test", "rules", "rules-tests.json"])?;
    let found = checked.lines().find(|line| line.contains("rules found")).unwrap_or("rules").trim();
    let board: Value = serde_json::from_str(&output(Command::new(&workplace.serve).arg("dashboard"))?)?;
    let panels = board["panels"].as_array().map_or(0, Vec::len);
    ensure!(panels > 5, "the dashboard has {panels} panels");
    Ok(format!("{found}, each fires on its series and is silent on others; {panels} panels"))
}

fn write_rules(workplace: &Workplace) -> Result<()> {
    let rules = output(Command::new(&workplace.serve).arg("rules"))?;
    fs::write(workplace.folder.join(RULES), rules).context("cannot write the rules")
}

/// A Prometheus scrapes, and the alert of drift fires when the model sees what it was not made for.
pub(super) fn alert_fires(workplace: &Workplace, server: &Running) -> Result<String> {
    write_rules(workplace)?;
    fs::write(workplace.folder.join("observe"), &workplace.observe).context("cannot write the token")?;
    let config = json!({
        "global": { "scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms" },
        "rule_files": [RULES],
        "scrape_configs": [{
            "job_name": "kinglet",
            "authorization": { "credentials_file": "observe" },
            "static_configs": [{ "targets": [server.http] }],
        }],
    });
    fs::write(workplace.folder.join("prometheus.json"), config.to_string()).context("cannot write the settings")?;
    // The system's choice; Prometheus takes no port 0.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).context("no port is free")?.port();
    let mut command = Command::new("prometheus");
    command.args(["--config.file=prometheus.json", "--storage.tsdb.path=prometheus-data"]);
    command.arg(format!("--web.listen-address=127.0.0.1:{port}")).current_dir(&workplace.folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _prometheus = Background(command.spawn().context("cannot start prometheus")?);
    let ask = |path: &str| -> Option<Value> {
        let url = format!("http://127.0.0.1:{port}{path}");
        serde_json::from_str(&output(Command::new("curl").args(["--silent", "--max-time", "5", &url])).ok()?).ok()
    };
    wait_for("Prometheus to have scraped the server", || {
        let up = ask("/api/v1/query?query=kinglet_connections")?;
        (!up["data"]["result"].as_array()?.is_empty()).then_some(())
    })?;
    let is_firing = || {
        let alerts = ask("/api/v1/alerts")?;
        let alerts = alerts["data"]["alerts"].as_array()?.clone();
        alerts.into_iter().find(|alert| alert["labels"]["alertname"] == "KingletDrift" && alert["state"] == "firing")
    };
    ensure!(is_firing().is_none(), "the alert fires before anything has drifted");
    // Bright noise instead of digits, two windows of it.
    let noise: Vec<u32> = (0..256 * 784u32).map(|index| index.wrapping_mul(2_654_435_761) >> 24).collect();
    let request = json!({"inputs": [{"name": "input", "shape": [256, 28, 28, 1], "datatype": "FP32", "data": noise}]});
    fs::write(workplace.folder.join("noise.json"), request.to_string()).context("cannot write the request")?;
    for _ in 0..2 {
        let answer = workplace.curl(server, "/v2/models/digits/infer", &["--data-binary", "@noise.json"])?;
        ensure!(answer["outputs"].is_array(), "{answer}");
    }
    let alert = wait_for("the alert of drift to fire", is_firing)?;
    Ok(format!("{} fires: {}", alert["labels"]["alertname"], alert["annotations"]["summary"]))
}

fn wait_for<T>(what: &str, mut happened: impl FnMut() -> Option<T>) -> Result<T> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(found) = happened() {
            return Ok(found);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    bail!("waited {} s for {what}", PATIENCE.as_secs());
}
