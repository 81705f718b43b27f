//! `cargo xtask serve-test`: the server among the programs that it is made for, all on this machine's loopback.
//!
//! Signed models are served, clients that others wrote ask for answers, `promtool` checks the alert rules, a Prometheus
//! scrapes, an alert fires on inputs that the model was not made for, versions go through a registry, devices through a
//! broker, a plan is tried on devices that are not there, manifests are checked, an image is built, and the server ends as
//! it is told. What is not installed is skipped, and a line says so.

mod neighbors;
mod packaging;
mod page;
mod process;
mod scrape;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use self::process::{Running, output, program_is_missing};
use crate::c_test::{Outcome, Report};
use crate::{prerequisites, python, tree};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Use the kinglet-serve that the tests of the workspace have built, instead of building it
    #[arg(long)]
    built: bool,
    /// Use this kinglet binary instead of building it
    #[arg(long, value_name = "FILE", env = "KINGLET_BIN")]
    kinglet: Option<PathBuf>,
    /// Build the static program for the image, too
    #[arg(long)]
    image: bool,
    /// Check the manifests for KServe by its Python package, too: half a gigabyte
    #[arg(long)]
    kserve: bool,
    /// Devices of the simulation
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    devices: usize,
    #[command(flatten)]
    python: python::Arguments,
}

/// What Triton's client needs.
const PACKAGES: &[&str] = &[
    "tritonclient==2.73.0",
    "aiohttp==3.14.5",
    "geventhttpclient==2.6.1",
    "grpcio==1.85.3",
    "numpy==2.4.6",
    "protobuf==6.33.6",
    "packaging",
    "python-rapidjson==1.25",
];

/// What the recipe of `examples/retrain` needs.
const RETRAIN: &[&str] = &["onnx==1.23.2", "onnxruntime==1.32.0", "numpy==2.4.6"];

const SAMPLES: &str = "examples/digits/test.npz";

/// A folder with models, keys and tokens, and the programs.
struct Workplace {
    folder: PathBuf,
    kinglet: PathBuf,
    serve: PathBuf,
    admin: String,
    observe: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let folder = tree::host_target().join("serve-test").join(std::process::id().to_string());
    let kinglet = prerequisites::kinglet(arguments.kinglet.as_deref())?;
    let serve = serve_binary(arguments.built)?;
    let workplace = Workplace::new(folder, kinglet, serve)?;
    let mut report = Report::default();
    let server = workplace.serve()?;
    report.lane("starts", Ok(Outcome::Passed(format!("HTTP {}, gRPC {}", server.http, server.grpc))));
    report.lane("curl", lane(program_is_missing("curl"), || workplace.by_curl(&server)));
    report.lane("signatures", lane(program_is_missing("curl"), || workplace.signatures(&server)));
    let python = arguments.python.find("serve-venv", PACKAGES);
    report.lane(
        "tritonclient",
        match python {
            Ok(python) => workplace.by_triton(&server, &python).map(Outcome::Passed),
            Err(missing) => Ok(Outcome::Skipped(missing)),
        },
    );
    report.lane("alert rules", lane(program_is_missing("promtool"), || scrape::rules(&workplace)));
    let missing = program_is_missing("prometheus").or_else(|| program_is_missing("curl"));
    report.lane("prometheus", lane(missing, || scrape::alert_fires(&workplace, &server)));
    let missing = program_is_missing("promtool").or_else(|| program_is_missing("curl"));
    report.lane("docs/serve.md", lane(missing, || page::serve(&workplace)));
    let missing = neighbors::are_missing().or_else(|| program_is_missing("curl"));
    report.lane("docs/fleet.md", lane(missing, || page::fleet(&workplace)));
    report.lane(
        "examples/retrain",
        match arguments.python.find("retrain-venv", RETRAIN) {
            Ok(python) => page::retrain(&workplace, &python).map(Outcome::Passed),
            Err(missing) => Ok(Outcome::Skipped(missing)),
        },
    );
    report.lane("simulation", workplace.simulation(arguments.devices).map(Outcome::Passed));
    report.lane(
        "kubernetes",
        match arguments.python.find("kubernetes-venv", packaging::KUBERNETES) {
            Ok(python) => packaging::manifests(&workplace, &python).map(Outcome::Passed),
            Err(missing) => Ok(Outcome::Skipped(missing)),
        },
    );
    if arguments.kserve {
        let python = arguments.python.find("kserve-venv", packaging::KSERVE);
        report.lane(
            "kserve",
            python.map_err(anyhow::Error::msg).and_then(|it| packaging::kserve(&it)).map(Outcome::Passed),
        );
    } else {
        report.lane("kserve", Ok(Outcome::Skipped("run: cargo xtask serve-test --kserve".into())));
    }
    report.lane("image", packaging::image(&workplace, arguments.image));
    report.lane("systemd unit", lane(program_is_missing("systemd-analyze"), || workplace.unit()));
    report.lane("ends", workplace.ends(server).map(Outcome::Passed));
    fs::remove_dir_all(&workplace.folder).context("cannot remove the test's folder")?;
    Ok(report.finish())
}

fn lane(missing: Option<String>, run: impl FnOnce() -> Result<String>) -> Result<Outcome> {
    missing.map_or_else(|| run().map(Outcome::Passed), |missing| Ok(Outcome::Skipped(missing)))
}

fn serve_binary(built: bool) -> Result<PathBuf> {
    if !built {
        let mut cargo = tree::cargo();
        cargo.current_dir(tree::root()).args(["build", "--release", "--package", "kinglet-serve"]);
        ensure!(cargo.status().context("cannot start cargo")?.success(), "kinglet-serve was not built");
    }
    let binary = tree::host_target().join("release").join("kinglet-serve");
    binary.canonicalize().with_context(|| format!("there is no {}", binary.display()))
}

impl Workplace {
    fn new(folder: PathBuf, kinglet: PathBuf, serve: PathBuf) -> Result<Self> {
        let mut workplace = Workplace { folder, kinglet, serve, admin: String::new(), observe: String::new() };
        for model in ["digits/1", "digits/2", "wake/1"] {
            let folder = workplace.folder.join("models").join(model);
            fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        workplace.kinglet(&["keygen", "-o", "private.pem", "--public", "public.pem"])?;
        let root = tree::root();
        let digits = root.join("examples/digits");
        let (model, data) = (shown(&digits.join("model.onnx")), shown(&digits.join("calib.npz")));
        workplace.kinglet(&["compile", &model, "--calib", &data, "--baseline", "-o", "models/digits/1/model.kgl"])?;
        let wake = shown(&root.join("tests/sequences/stream/model.tflite"));
        workplace.kinglet(&["compile", &wake, "-o", "models/wake/1/model.kgl"])?;
        for model in ["models/digits/1/model.kgl", "models/wake/1/model.kgl"] {
            workplace.kinglet(&["sign", model, "--key", "private.pem", "--model-version", "1.0.0"])?;
        }
        // Nobody has signed this one.
        workplace.kinglet(&["compile", &model, "--calib", &data, "-o", "models/digits/2/model.kgl"])?;
        let mut tokens = String::new();
        for role in ["admin", "observe"] {
            let text = output(Command::new(&workplace.serve).args(["token", "--role", role, "--name", role]))?;
            let field =
                |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(|it| it.trim().to_owned());
            let (token, line) = (field("token:").context("no token")?, field("line:").context("no line")?);
            tokens += &format!("{line}\n");
            *(if role == "admin" { &mut workplace.admin } else { &mut workplace.observe }) = token;
        }
        fs::write(workplace.folder.join("tokens"), tokens).context("cannot write the tokens")?;
        Ok(workplace)
    }

    fn kinglet(&self, arguments: &[&str]) -> Result<String> {
        output(Command::new(&self.kinglet).args(arguments).current_dir(&self.folder))
    }

    fn serve(&self) -> Result<Running> {
        let mut command = Command::new(&self.serve);
        command.current_dir(&self.folder).args(["models", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"]);
        command.args(["--key", "public.pem", "--tokens", "tokens", "--audit", "audit.log", "--poll", "0.2"]);
        Running::start(&mut command)
    }

    /// What `curl` gets, with a token, as JSON.
    fn curl(&self, server: &Running, path: &str, more: &[&str]) -> Result<Value> {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--max-time", "60", "--header"]);
        command.arg(format!("Authorization: Bearer {}", self.admin)).args(more);
        let text = output(command.arg(format!("http://{}{path}", server.http)).current_dir(&self.folder))?;
        serde_json::from_str(&text).with_context(|| format!("{path} answers {text:?}"))
    }

    fn by_curl(&self, server: &Running) -> Result<String> {
        let metadata = self.curl(server, "/v2/models/digits", &[])?;
        let (input, shape) = (&metadata["inputs"][0]["name"], &metadata["inputs"][0]["shape"]);
        ensure!(shape == &json!([-1, 28, 28, 1]), "the shape is {shape}");
        let request = json!({"id": "one", "inputs": [
            {"name": input, "shape": [1, 28, 28, 1], "datatype": "FP32", "data": vec![0; 784]}]});
        let answer = self.curl(server, "/v2/models/digits/infer", &["--data", &request.to_string()])?;
        let scores = answer["outputs"][0]["data"].as_array().context("there are no scores")?.len();
        ensure!(scores == 10 && answer["id"] == "one", "{answer}");
        let refused = self.curl(server, "/v2/models/digits/infer", &["--data", "{"])?;
        ensure!(refused["error"].is_string(), "{refused}");
        Ok("metadata, an inference and an error".into())
    }

    fn signatures(&self, server: &Running) -> Result<String> {
        let index = self.curl(server, "/v2/repository/index", &["--request", "POST"])?;
        let of = |version: &str| {
            let entries = index.as_array().into_iter().flatten();
            entries.into_iter().find(|entry| entry["name"] == "digits" && entry["version"] == version).cloned()
        };
        let (signed, unsigned) = (of("1").context("no version 1")?, of("2").context("no version 2")?);
        ensure!(signed["state"] == "READY" && unsigned["state"] == "UNAVAILABLE", "{index}");
        ensure!(unsigned["reason"].as_str().is_some_and(|reason| reason.contains("Unsigned")), "{unsigned}");
        Ok("a signed version is served, an unsigned one is not".into())
    }

    fn by_triton(&self, server: &Running, python: &Path) -> Result<String> {
        let mut command = Command::new(python);
        command.arg(tree::root().join("tests/serve/clients.py")).args([&server.http, &server.grpc]);
        let text = output(command.arg(tree::root().join(SAMPLES)).arg(&self.admin))?;
        Ok(text.trim().to_owned())
    }

    /// A good version reaches all devices, a bad one no more than the first cohort of the plan.
    fn simulation(&self, devices: usize) -> Result<String> {
        let plan = tree::root().join("tests/serve/plan.json");
        let run = |more: &[&str]| {
            let mut command = Command::new(&self.serve);
            command.arg("simulate").arg(&plan).args(["--devices", &devices.to_string(), "--loss", "0.25"]);
            command.args(["--cohort", "pilots=0.02", "--cohort", "eu=0.4", "--cohort", "us=0.58"]);
            output(command.args(more))
        };
        let good = run(&[])?;
        ensure!(good.contains("at step 4 (plan)") && good.contains("\n0 behind"), "{good}");
        let lost = good.lines().last().unwrap_or_default();
        for bad in [["--failing", "0.2"], ["--alarming", "0.5"]] {
            let bad = run(&bad)?;
            let beyond: Vec<&str> =
                bad.lines().filter(|line| line.starts_with("eu") || line.starts_with("us")).collect();
            let is_kept = beyond.len() == 2 && beyond.iter().all(|line| line.contains(", 0 have had the next version"));
            ensure!(is_kept && bad.contains("at step 0") && bad.contains("\n0 behind"), "{bad}");
        }
        Ok(format!("{devices} devices, {lost}; bad versions reach the first cohort only and are taken back"))
    }

    /// The unit is one, and gives the server no more than it needs (systemd's score: 0 is nothing at all, 10 everything).
    fn unit(&self) -> Result<String> {
        let text = fs::read_to_string(tree::root().join("serve/packaging/kinglet-serve.service"));
        let text = text.context("cannot read the unit")?;
        ensure!(text.contains("ExecStart=/usr/local/bin/kinglet-serve "), "the unit starts another program");
        // The program has to be there.
        let here = text.replace("/usr/local/bin/kinglet-serve", &self.serve.display().to_string());
        let unit = self.folder.join("kinglet-serve.service");
        fs::write(&unit, here).context("cannot write the unit")?;
        output(Command::new("systemd-analyze").arg("verify").arg(&unit))?;
        let score =
            output(Command::new("systemd-analyze").args(["security", "--offline=true", "--threshold=20"]).arg(&unit))?;
        Ok(score.lines().last().unwrap_or_default().trim_start_matches("→ ").to_owned())
    }

    /// The server ends when it is told, with everything answered; and its audit log is whole.
    fn ends(&self, server: Running) -> Result<String> {
        let code = server.terminate()?;
        ensure!(code == Some(0), "kinglet-serve ended with {code:?}");
        let audit = self.kinglet(&["audit", "audit.log"])?;
        match audit.lines().last() {
            Some(last) if last.contains("from its first record on") => Ok(last.to_owned()),
            _ => bail!("the audit log is not whole: {audit}"),
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
