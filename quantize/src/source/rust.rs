//! A module in Rust.

use core::fmt::Write as _;

use kinglet_blob::DType;

use super::{SourceFile, Subject, described, escaped, lines_of};

/// The module. Comments only, no inner documentation: it can be included as well.
pub(super) fn file(subject: &Subject<'_>) -> SourceFile {
    let mut text = String::new();
    for line in subject.head("rust") {
        let _ = writeln!(text, "{}", format!("// {line}").trim_end());
    }
    let len = subject.bytes().len();
    let _ = write!(
        text,
        "\n/// Bytes of arena that a session needs: `kinglet::Arena::<ARENA_BYTES>`.\npub const ARENA_BYTES: usize = {};\n",
        subject.model.arena_bytes()
    );
    for (side, index, port) in subject.ports() {
        let place = format!("{side}_{index}");
        let (shape, rank) = (port.shape(), port.shape().len());
        let _ = write!(text, "\n/// Elements of {} {index}: {}.\n", side.to_lowercase(), described(&port));
        let _ = writeln!(text, "pub const {place}_LEN: usize = {};", port.len());
        let _ = writeln!(text, "/// Its extents.\npub const {place}_DIMS: [usize; {rank}] = {shape:?};");
        if !matches!(port.dtype, DType::F32 | DType::Bool) {
            let _ = writeln!(text, "/// Its scale.\npub const {place}_SCALE: f32 = {:e};", port.scale);
            let _ = writeln!(text, "/// Its zero point.\npub const {place}_ZERO_POINT: i32 = {};", port.zero_point);
        }
    }
    if !subject.labels.is_empty() {
        let _ = write!(
            text,
            "\n/// Names of the classes, in the order of the first output's elements.\n\
             pub const LABELS: [&str; {}] = [\n",
            subject.labels.len()
        );
        for label in &subject.labels {
            // `escape_default` writes what a literal takes, in ASCII.
            let _ = writeln!(text, "    \"{}\",", label.escape_default());
        }
        text += "];\n";
    }
    let _ = write!(
        text,
        "\n/// The blob, aligned: `kinglet::Model::from_bytes(&BLOB.0)`.\n\
         pub static BLOB: kinglet::Aligned<[u8; {len}]> = kinglet::Aligned(*b\"\\\n"
    );
    text += &lines_of(subject.bytes(), ["    ", "\\\n"], escaped);
    text += "\");\n";
    subject.file("rs", text)
}
