//! Versions of models in registries of containers: a version is one manifest, each of its files a layer.
//!
//! ```text
//! REGISTRY/NAME:TAG --> manifest (artifact type ARTIFACT) --> config: the empty one
//!                            |--> layer model.kgl        a blob, with its signature inside
//!                            |--> layer model.cdx.json   a bill of materials, and whatever else stands beside the blob
//! ```
//!
//! What a file is, its name says ([`KINDS`]). Nothing in a manifest depends on when or where it was made, so the same files are the same
//! digest everywhere: a digest never changes its meaning, a tag may move. Registries without the referrers interface do, because
//! everything hangs on the one manifest.

mod access;
mod pull;
mod push;

pub use self::access::Access;
pub use self::pull::{Pulled, pull};
pub use self::push::{Pushed, push};

/// What a manifest is.
pub const ARTIFACT: &str = "application/vnd.kinglet.model.v1";
/// Where a layer's file name stands.
const TITLE: &str = "org.opencontainers.image.title";
/// The config of manifests that have none, as the image specification has it: type, content.
const EMPTY: (&str, &[u8]) = ("application/vnd.oci.empty.v1+json", b"{}");
/// The blob of a version, without which it is none.
pub const BLOB: &str = "model.kgl";
/// Files of a version at most.
const FILES_MAX: usize = 64;
/// Bytes of a file at most.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Endings of file names, and what a layer with such a name is; the first that fits counts.
pub const KINDS: &[(&str, &str)] = &[
    (".kgl", "application/vnd.kinglet.blob.v2"),
    (".delta", "application/vnd.kinglet.delta.v1"),
    (".sig", "application/vnd.kinglet.signature.v1"),
    (".cdx.json", "application/vnd.cyclonedx+json"),
    (".spdx.json", "application/spdx+json"),
    (".md", "text/markdown"),
    (".json", "application/json"),
    ("", "application/octet-stream"),
];

/// What a layer with this file name is.
fn media_type(name: &str) -> &'static str {
    KINDS.iter().find(|(ending, _)| name.ends_with(ending)).map_or("", |(_, media_type)| media_type)
}

/// As registries write it.
fn digest(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    format!("sha256:{}", crate::auth::shown(&Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_files_are() {
        assert_eq!(media_type("model.kgl"), "application/vnd.kinglet.blob.v2");
        assert_eq!(media_type("model.cdx.json"), "application/vnd.cyclonedx+json");
        assert_eq!(media_type("settings.json"), "application/json");
        assert_eq!(media_type("notes"), "application/octet-stream");
        // The digest that the image specification gives for its empty config.
        let empty = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(digest(EMPTY.1), empty);
    }
}
