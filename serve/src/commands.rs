//! What the command does besides serving.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Subcommand;
use kinglet_rollout::{Decision, Rollout, Seen};
use kinglet_serve::auth::{Role, new_token};
use kinglet_serve::metrics::{dashboard, rules, rules_tests};
use kinglet_serve::registry::{self, Access};
use kinglet_serve::repository::SignaturePolicy;
use kinglet_serve::rollout;
use kinglet_serve::rollout::simulation::{Settings, simulate};
use kinglet_trust::{KeyRing, Software};

#[derive(Debug, Subcommand)]
pub(crate) enum Other {
    /// Makes a token: the token, and its line for the file of tokens
    Token {
        /// What it is for
        #[arg(long, value_enum)]
        role: Role,
        /// Who has it
        #[arg(long)]
        name: String,
    },
    /// Prints the dashboard for Grafana
    Dashboard,
    /// Prints the alert rules for Prometheus
    Rules,
    /// Prints unit tests of the alert rules, for `promtool test rules`
    RulesTests {
        /// Where the rules are
        rules: String,
    },
    /// Puts files into a registry of containers as one version of a model
    Push {
        /// REGISTRY/NAME:TAG
        reference: String,
        /// The blob model.kgl, and what stands beside it: a bill of materials, a model card
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        policy: Policy,
        #[command(flatten)]
        access: Access,
    },
    /// Gets a version of a model from a registry of containers
    Pull {
        /// REGISTRY/NAME:TAG, or REGISTRY/NAME@DIGEST
        reference: String,
        /// The version's folder, which appears when everything in it is checked: models/NAME/VERSION
        folder: PathBuf,
        #[command(flatten)]
        policy: Policy,
        #[command(flatten)]
        access: Access,
    },
    /// Signs a plan: which version which devices run, step after step
    Plan {
        /// The plan (JSON)
        written: PathBuf,
        /// The owner's private key (PEM)
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The public key of the server that moves the rollout (PEM)
        #[arg(long, value_name = "FILE")]
        operator: PathBuf,
        /// Where the plan goes
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Tries a plan on devices that are not there: how far the version comes, or a bad one
    Simulate {
        /// The plan (JSON)
        written: PathBuf,
        /// How many devices
        #[arg(long, value_name = "N", default_value_t = 100_000)]
        devices: usize,
        /// A cohort and its part of the devices, such as pilots=0.01
        #[arg(long = "cohort", value_name = "NAME=PART", required = true, value_parser = cohort)]
        cohorts: Vec<(String, f64)>,
        /// Part of the messages that are lost
        #[arg(long, value_name = "PART", default_value_t = 0.2)]
        loss: f64,
        /// Part of the devices on which the version does not start
        #[arg(long, value_name = "PART", default_value_t = 0.0)]
        failing: f64,
        /// Part of the devices on which it raises alarms
        #[arg(long, value_name = "PART", default_value_t = 0.0)]
        alarming: f64,
        /// At most
        #[arg(long, value_name = "N", default_value_t = 10_000)]
        minutes: u32,
        /// Draws the devices
        #[arg(long, value_name = "N", default_value_t = 1)]
        seed: u64,
    },
    /// Prints which version a device runs by a rollout: base or next, and the start of its digest
    Decide {
        /// What the server gives or the broker keeps
        document: PathBuf,
        /// The owner's public key (PEM)
        #[arg(long = "key", value_name = "FILE", required = true)]
        keys: Vec<PathBuf>,
        /// The model
        #[arg(long)]
        model: String,
        /// The device's cohort
        #[arg(long)]
        cohort: String,
        /// The device
        #[arg(long)]
        device: String,
    },
}

fn cohort(text: &str) -> Result<(String, f64), String> {
    let parsed = text.split_once('=').and_then(|(name, part)| Some((name.to_owned(), part.parse().ok()?)));
    parsed.ok_or_else(|| "write NAME=PART, such as pilots=0.01".to_owned())
}

/// Whose blobs are taken, as when they are loaded.
#[derive(Debug, clap::Args)]
pub(crate) struct Policy {
    /// Take only blobs that one of these keys has signed (PEM, up to four)
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// Refuse blobs with a lower security counter
    #[arg(long, value_name = "N", default_value_t = 0)]
    counter: u32,
}

impl Policy {
    fn read(&self) -> Result<SignaturePolicy> {
        SignaturePolicy::read(&self.keys, self.counter).map_err(anyhow::Error::msg)
    }
}

impl Other {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Other::Token { role, name } => {
                let (token, line) = new_token(role, &name).map_err(anyhow::Error::msg)?;
                println!("token: {token}\nline:  {line}");
            }
            Other::Dashboard => println!("{:#}", dashboard()),
            Other::Rules => println!("{:#}", rules()),
            Other::RulesTests { rules } => println!("{:#}", rules_tests(&rules)),
            Other::Push { reference, files, policy, access } => {
                let pushed = registry::push(&reference, &files, &policy.read()?, &access).await?;
                println!("{}\n{} files, {} blobs were not there yet", pushed.digest, pushed.layers, pushed.sent);
            }
            Other::Pull { reference, folder, policy, access } => {
                let pulled = registry::pull(&reference, &folder, &policy.read()?, &access).await?;
                let registry::Pulled { digest, received, resumed, was_there } = pulled;
                println!("{digest}");
                match was_there {
                    true => println!("{} has it already", folder.display()),
                    false => println!("{received} bytes came, {resumed} were there from before"),
                }
            }
            Other::Plan { written, key, operator, output } => {
                let plan = rollout::plan(&written, &key, &operator)?;
                std::fs::write(&output, plan).with_context(|| format!("cannot write {}", output.display()))?;
            }
            Other::Simulate { written, devices, cohorts, loss, failing, alarming, minutes, seed } => {
                let shown = written.display();
                let plan = std::fs::read_to_string(&written).with_context(|| format!("cannot read {shown}"))?;
                let settings = Settings { plan, devices, cohorts, loss, failing, alarming, minutes, seed };
                println!("{}", simulate(settings).with_context(|| format!("{shown} cannot be tried"))?);
            }
            Other::Decide { document, keys, model, cohort, device } => {
                let shown = document.display();
                let bytes = std::fs::read(&document).with_context(|| format!("cannot read {shown}"))?;
                let policy = SignaturePolicy::read(&keys, 0).map_err(anyhow::Error::msg)?;
                let ring = KeyRing::new(policy.keys(), 0).context("a key is wanted")?;
                let rollout = Rollout::verify(&bytes, &model, Seen::default(), &ring, &mut Software)
                    .map_err(|error| anyhow::anyhow!("{shown} is not a rollout of {model}: {error:?}"))?;
                let (which, digest) = match rollout.decide(&cohort, device.as_bytes(), &mut Software) {
                    Decision::Base(digest) => ("base", digest),
                    Decision::Next(digest) => ("next", digest),
                };
                let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                println!("{which} {digest}");
            }
        }
        Ok(())
    }
}
