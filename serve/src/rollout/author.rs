//! A plan out of what the owner has written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use ed25519_compact::KeyPair;
use kinglet_rollout::{PLAN_MAGIC, SHARE_ALL, SHARES_MAX, name_digest, plan_message};
use kinglet_trust::{KeyRing, Software};
use serde::Deserialize;

use crate::repository::{is_name, public_key};
use kinglet::AlignedBlob;

/// As the owner writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    model: String,
    number: u32,
    /// A blob's file, beside the plan, or the start of its digest in sixteen digits.
    base: String,
    next: String,
    #[serde(default)]
    hold_seconds: u32,
    /// Part of each device's hash; random where it is not said.
    #[serde(default)]
    salt: Option<u32>,
    gates: Gates,
    /// Shares of cohorts, step after step; `*` is everybody.
    steps: Vec<BTreeMap<String, f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gates {
    devices: u32,
    failures: f64,
    alarms: f64,
    slow: f64,
    #[serde(default)]
    agreement: f64,
}

/// Reads a private key in PEM.
pub fn private_key(file: &Path) -> Result<KeyPair> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {shown}"))?;
    let pair = KeyPair::from_pem(&text).ok();
    pair.with_context(|| format!("{shown} is no Ed25519 private key in PEM; `kinglet keygen` writes one"))
}

/// The signed plan of the file `written`.
pub fn plan(written: &Path, owner: &Path, operator: &Path) -> Result<Vec<u8>> {
    let shown = written.display();
    let text = std::fs::read_to_string(written).with_context(|| format!("cannot read {shown}"))?;
    let folder = written.parent().map(Path::to_owned).unwrap_or_default();
    let operator = public_key(operator).map_err(anyhow::Error::msg)?;
    signed(&text, &folder, &operator, &private_key(owner)?).with_context(|| format!("{shown} is no plan"))
}

/// The signed plan of a text; files that it names are in `folder`.
pub fn signed(text: &str, folder: &Path, operator: &[u8; 32], owner: &KeyPair) -> Result<Vec<u8>> {
    sign(encode(&serde_json::from_str(text)?, folder, operator)?, owner)
}

fn sign(mut bytes: Vec<u8>, owner: &KeyPair) -> Result<Vec<u8>> {
    bytes.extend(KeyRing::id(&owner.pk, &mut Software).to_le_bytes());
    let signature = owner.sk.sign(plan_message(&bytes, &mut Software), None);
    bytes.extend_from_slice(&*signature);
    Ok(bytes)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share within its range")]
fn parts(share: f64, what: &str) -> Result<u32> {
    ensure!((0.0..=1.0).contains(&share), "{what} is {share}; shares are 0 to 1");
    Ok((share * f64::from(SHARE_ALL)).round() as u32)
}

fn encode(written: &Written, folder: &Path, operator: &[u8; 32]) -> Result<Vec<u8>> {
    let Written { model, number, base, next, hold_seconds, salt, gates, steps } = written;
    ensure!(is_name(model), "{model:?} is no name of a model");
    ensure!(*number > 0, "plans are numbered from 1");
    ensure!((1..=255).contains(&steps.len()), "{} steps, 1 to 255 are wanted", steps.len());
    ensure!(gates.devices > 0, "gates.devices is the number of devices that have to tell; at least 1");
    let (base, next) = (digest(base, folder)?, digest(next, folder)?);
    ensure!(base != next, "base and next are the same blob");
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
    let salt = salt.map_or(random, u32::to_le_bytes);
    let mut bytes = PLAN_MAGIC.to_vec();
    bytes.extend(number.to_le_bytes());
    bytes.extend(name_digest(model, &mut Software));
    bytes.extend(base.into_iter().chain(next).chain(salt));
    let shares = [
        parts(gates.failures, "gates.failures")?,
        parts(gates.alarms, "gates.alarms")?,
        parts(gates.slow, "gates.slow")?,
        parts(gates.agreement, "gates.agreement")?,
    ];
    let numbers = [*hold_seconds, gates.devices].into_iter().chain(shares);
    bytes.extend(numbers.flat_map(u32::to_le_bytes));
    bytes.extend(operator);
    let count: usize = steps.iter().map(BTreeMap::len).sum();
    ensure!((1..=SHARES_MAX).contains(&count), "{count} shares in all steps, 1 to {SHARES_MAX} are wanted");
    bytes.extend([u8::try_from(count)?, u8::try_from(steps.len())?, 0, 0]);
    for (step, shares) in (1u8..).zip(steps) {
        for (cohort, share) in shares {
            ensure!(cohort == "*" || is_name(cohort), "{cohort:?} is no name of a cohort");
            bytes.extend([step, 0, 0, 0]);
            bytes.extend(name_digest(cohort, &mut Software));
            bytes.extend(parts(*share, cohort)?.to_le_bytes());
        }
    }
    Ok(bytes)
}

/// Of a blob's file, or sixteen digits.
fn digest(text: &str, folder: &Path) -> Result<[u8; 8]> {
    let digits: Option<Vec<u8>> = (0..text.len() / 2)
        .map(|index| text.get(2 * index..2 * index + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect();
    if let Some(Ok(digest)) = digits.filter(|_| text.len() == 16).map(TryInto::try_into) {
        return Ok(digest);
    }
    let file: PathBuf = folder.join(text);
    let shown = file.display();
    let bytes = std::fs::read(&file).with_context(|| format!("{text:?} is neither a digest nor a file: {shown}"))?;
    let aligned = AlignedBlob::copy_of(&bytes);
    match kinglet_blob::Blob::parse(&aligned) {
        Ok(blob) => Ok(crate::digest(&blob, &bytes)),
        Err(error) => bail!("{shown} is no blob: {error:?}"),
    }
}
