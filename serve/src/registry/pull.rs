//! Files out of a registry: into a folder beside the version's, which takes its name when everything in it is checked.
//!
//! ```text
//! models/NAME/.VERSION.pull/sha256-...   what has arrived; a pull that was cut off goes on there
//! models/NAME/VERSION/                   appears whole, or not at all
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use oci_client::client::BlobResponse;
use oci_client::manifest::{OciDescriptor, OciImageManifest};
use tokio_stream::StreamExt;

use super::access::{Registry, explained};
use super::{ARTIFACT, Access, BLOB, FILE_BYTES_MAX, FILES_MAX, TITLE, digest};
use crate::repository::{SignaturePolicy, is_name};
use kinglet::AlignedBlob;

/// Beside the files: where they are from.
const ORIGIN: &str = "origin.json";

/// What was done.
#[derive(Debug, PartialEq, Eq)]
pub struct Pulled {
    /// Of the manifest.
    pub digest: String,
    /// Bytes that came now.
    pub received: u64,
    /// Bytes that were there from a pull that was cut off.
    pub resumed: u64,
    /// The folder had this version already.
    pub was_there: bool,
}

/// Pulls a version into `folder`, which must not be there, or have come from the same manifest.
pub async fn pull(reference: &str, folder: &Path, policy: &SignaturePolicy, access: &Access) -> Result<Pulled> {
    let registry = access.open(reference)?;
    let what = format!("cannot pull {reference}");
    let (manifest, digest) = registry
        .client
        .pull_image_manifest(&registry.image, &registry.auth)
        .await
        .map_err(|error| explained(error, &what))?;
    if folder.exists() {
        return already(folder, &digest);
    }
    let layers = layers(&manifest).with_context(|| format!("{reference} is not pulled"))?;
    let beside = beside(folder)?;
    fs::create_dir_all(&beside).with_context(|| format!("cannot make {}", beside.display()))?;
    let mut pulled = Pulled { digest, received: 0, resumed: 0, was_there: false };
    for layer in layers.values() {
        let [received, resumed] = fetch(&registry, layer, &part(&beside, layer)).await?;
        (pulled.received, pulled.resumed) = (pulled.received + received, pulled.resumed + resumed);
    }
    for (name, layer) in layers.iter().filter(|(name, _)| name.ends_with(".kgl")) {
        let bytes = fs::read(part(&beside, layer))?;
        if let Err(error) = check_blob(&bytes, policy) {
            fs::remove_dir_all(&beside)?;
            return Err(error.context(format!("{reference} is not pulled: {name}")));
        }
    }
    take_place(&beside, folder, &layers, reference, &pulled.digest)?;
    Ok(pulled)
}

/// What no policy lets through is not kept: a blob that loads, signed by whom it has to be.
pub(super) fn check_blob(bytes: &[u8], policy: &SignaturePolicy) -> Result<()> {
    policy.check(bytes).map_err(anyhow::Error::msg)?;
    let bytes = AlignedBlob::copy_of(bytes);
    let loaded = kinglet::Model::from_bytes(&bytes);
    loaded.map(|_| ()).map_err(|error| anyhow::anyhow!("the blob does not load: {error:?}"))
}

fn already(folder: &Path, digest: &str) -> Result<Pulled> {
    let origin: Option<serde_json::Value> =
        fs::read(folder.join(ORIGIN)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let shown = folder.display();
    match origin.as_ref().and_then(|origin| origin["digest"].as_str()) {
        Some(there) if there == digest => {
            Ok(Pulled { digest: digest.to_owned(), received: 0, resumed: 0, was_there: true })
        }
        Some(there) => bail!("{shown} has {there}, this is {digest}: versions do not change, name another folder"),
        None => bail!("{shown} is there, and not from a registry: name another folder"),
    }
}

/// The files of a version by their names, of which none may be a path.
fn layers(manifest: &OciImageManifest) -> Result<BTreeMap<String, OciDescriptor>> {
    let kind = manifest.artifact_type.as_deref().unwrap_or_default();
    ensure!(kind == ARTIFACT, "its artifact type is {kind:?}, {ARTIFACT:?} is wanted");
    ensure!(manifest.layers.len() <= FILES_MAX, "it has {} layers, {FILES_MAX} are the most", manifest.layers.len());
    let mut layers = BTreeMap::new();
    for layer in &manifest.layers {
        let title = layer.annotations.as_ref().and_then(|annotations| annotations.get(TITLE));
        let name = title.filter(|name| is_name(name) && *name != ORIGIN);
        let Some(name) = name else {
            bail!("the layer {} is called {title:?}, which is no name of a file", layer.digest)
        };
        let size = u64::try_from(layer.size).unwrap_or(u64::MAX);
        ensure!(size <= FILE_BYTES_MAX, "{name} has {size} bytes, {FILE_BYTES_MAX} are the most");
        let hex = layer.digest.strip_prefix("sha256:").unwrap_or_default();
        let is_digest = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        ensure!(is_digest, "{name} has the digest {}, which is none of SHA-256", layer.digest);
        ensure!(layers.insert(name.clone(), layer.clone()).is_none(), "two layers are called {name}");
    }
    ensure!(layers.contains_key(BLOB), "it has no {BLOB}");
    Ok(layers)
}

/// A name that begins with a dot is no version: the server does not look there.
fn beside(folder: &Path) -> Result<PathBuf> {
    let name = folder.file_name().and_then(|name| name.to_str()).filter(|name| is_name(name));
    let name = name.with_context(|| format!("{} is no name of a version", folder.display()))?;
    Ok(folder.with_file_name(format!(".{name}.pull")))
}

fn part(beside: &Path, layer: &OciDescriptor) -> PathBuf {
    beside.join(layer.digest.replace(':', "-"))
}

/// Bytes that came, and bytes that were there. What is not what the manifest says is removed.
async fn fetch(registry: &Registry, layer: &OciDescriptor, file: &Path) -> Result<[u64; 2]> {
    let shown = &layer.digest;
    let size = u64::try_from(layer.size)?;
    let mut resumed = fs::metadata(file).map_or(0, |metadata| metadata.len());
    let mut received = 0;
    if resumed < size {
        let asked = registry.client.pull_blob_stream_partial(&registry.image, layer, resumed, None).await;
        let asked = asked.map_err(|error| explained(error, &format!("cannot pull {shown}")))?;
        let mut stream = match asked {
            BlobResponse::Partial(stream) => stream,
            BlobResponse::Full(stream) => {
                resumed = 0;
                stream
            }
        };
        let mut out = OpenOptions::new().create(true).append(true).open(file)?;
        out.set_len(resumed)?;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.with_context(|| {
                format!("{shown} was cut off after {} bytes; the same command goes on there", resumed + received)
            })?;
            received += chunk.len() as u64;
            if resumed + received > size {
                fs::remove_file(file)?;
                bail!("{shown} is longer than the {size} bytes that the manifest says");
            }
            out.write_all(&chunk).with_context(|| format!("cannot write {}", file.display()))?;
        }
        out.sync_all()?;
    }
    let bytes = fs::read(file)?;
    if digest(&bytes) != *shown {
        // Whatever was there: the next pull begins anew.
        fs::remove_file(file)?;
        bail!("what came for {shown} has the digest {}: it was not kept; pull again", digest(&bytes));
    }
    Ok([received, resumed])
}

/// The files get their names, the folder gets its own last.
fn take_place(
    beside: &Path,
    folder: &Path,
    layers: &BTreeMap<String, OciDescriptor>,
    reference: &str,
    digest: &str,
) -> Result<()> {
    let done = beside.with_extension("done");
    if done.exists() {
        fs::remove_dir_all(&done)?;
    }
    fs::create_dir(&done)?;
    for (name, layer) in layers {
        // Two names may have the same bytes.
        fs::copy(part(beside, layer), done.join(name))?;
        File::open(done.join(name))?.sync_all()?;
    }
    let origin = serde_json::json!({ "reference": reference, "digest": digest });
    let mut file = File::create(done.join(ORIGIN))?;
    file.write_all(format!("{origin:#}\n").as_bytes())?;
    file.sync_all()?;
    fs::rename(&done, folder).with_context(|| format!("cannot put {} in its place", folder.display()))?;
    fs::remove_dir_all(beside)?;
    Ok(())
}
