//! A blob as a source file, for firmware that is built from sources alone: the bytes, aligned, with what a program has to
//! know about them when it is compiled.
//!
//! The text is plain ASCII whatever the model's names are, and does not depend on where it is written: the same blob and
//! name give the same bytes.

mod c;
mod rust;

use core::fmt::Write as _;
use std::collections::BTreeSet;

use kinglet::{Model, Port};
use kinglet_blob::DType;

use crate::emit::Manifest;

/// Bytes of the blob in a line of text.
const BYTES_PER_LINE: usize = 20;

/// A language that blobs are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// C99 or later, and C++: a header and a source file.
    C,
    /// A module in Rust.
    Rust,
}

/// A file to be written beside the blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name: the blob's with another extension, or one in plain letters where a compiler could not take that.
    pub name: String,
    /// The content.
    pub text: String,
}

/// The files for `model`, whose blob file is called `stem` without its extension. `stem` names what is in them.
pub fn files(model: &Model<'_>, stem: &str, language: Language) -> Vec<SourceFile> {
    let subject = Subject::new(model, stem);
    match language {
        Language::C => c::files(&subject),
        Language::Rust => vec![rust::file(&subject)],
    }
}

/// The engine's cargo features that link what `model` runs and nothing else.
pub fn features(model: &Model<'_>) -> BTreeSet<&'static str> {
    let mut features: BTreeSet<&'static str> = model.blob().features().collect();
    // Without it a build for the machine has no kernels for the machine's packings.
    features.extend(model.kernel_set().and_then(|set| set.machine().extension));
    features
}

/// The command that builds the C library with `features`, for `target` in Rust's names; for this machine when there is none.
pub fn c_build(features: &BTreeSet<&'static str>, target: Option<&str>) -> String {
    let target = target.map(|target| format!(" --target {target}")).unwrap_or_default();
    let list = features.iter().copied().collect::<Vec<_>>().join(",");
    format!("cargo rustc --release --crate-type staticlib{target} --no-default-features --features {list}")
}

/// What both languages say of a blob.
struct Subject<'m> {
    model: Model<'m>,
    /// The files' name without its extension.
    stem: String,
    /// The stem as a name in lower case.
    name: String,
    labels: Vec<String>,
}

impl<'m> Subject<'m> {
    fn new(model: &Model<'m>, stem: &str) -> Self {
        // A blob without a manifest has no labels.
        let labels = Manifest::of(model).map(|manifest| manifest.labels).unwrap_or_default();
        let is_plain = stem.chars().all(|c| c.is_ascii_graphic() && !"\"\\*/?".contains(c));
        let name = identifier(stem);
        Subject { model: *model, stem: if is_plain { stem.to_owned() } else { name.clone() }, name, labels }
    }

    fn file(&self, extension: &str, text: String) -> SourceFile {
        SourceFile { name: format!("{}.{extension}", self.stem), text }
    }

    fn bytes(&self) -> &'m [u8] {
        self.model.blob().bytes()
    }

    /// Inputs, then outputs: `INPUT` or `OUTPUT`, the index there, the tensor.
    fn ports(&self) -> impl Iterator<Item = (&'static str, usize, Port<'m>)> {
        let inputs = (0..self.model.input_count()).filter_map(|index| Some(("INPUT", index, self.model.input(index)?)));
        let outputs =
            (0..self.model.output_count()).filter_map(|index| Some(("OUTPUT", index, self.model.output(index)?)));
        inputs.chain(outputs)
    }

    /// The first lines, without the signs of a comment.
    fn head(&self, language: &str) -> Vec<String> {
        let target = self.model.kernel_set().map_or("an unknown machine", |set| set.machine().name);
        let rust_target = self.model.kernel_set().and_then(|set| set.machine().rust_targets.first().copied());
        let features = features(&self.model);
        let list = features.iter().copied().collect::<Vec<_>>().join(", ");
        vec![
            format!("{}.kgl, compiled for {target} by kinglet {}.", self.stem, env!("CARGO_PKG_VERSION")),
            format!("Made by `kinglet compile --emit {language}`; compile the model again instead of changing this."),
            String::new(),
            format!("Cargo features that it needs: {list}"),
            "The C library with these and nothing else, in the folder ffi:".to_owned(),
            format!("  {}", c_build(&features, rust_target)),
        ]
    }
}

/// A tensor in words.
fn described(port: &Port<'_>) -> String {
    let extents = port.shape().iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    let quantized = match port.dtype {
        DType::F32 | DType::Bool => String::new(),
        _ if port.zero_point < 0 => format!(", real = {:?} * (q + {})", port.scale, port.zero_point.unsigned_abs()),
        _ => format!(", real = {:?} * (q - {})", port.scale, port.zero_point),
    };
    let moved = if port.channels_moved { "; the source model has the channels first" } else { "" };
    format!("`{}`, {} [{extents}]{quantized}{moved}", plain(port.name), port.dtype.name())
}

/// Text of a file in ASCII without control characters; what could end a comment is taken apart.
fn plain(text: &str) -> String {
    text.escape_default().to_string().replace("*/", "* /").replace("/*", "/ *")
}

/// `stem` as a name that both languages take, in lower case.
fn identifier(stem: &str) -> String {
    let name: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    // A digit cannot come first, and names that begin with an underscore belong to the C library.
    if name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name
    } else {
        format!("model_{}", name.trim_start_matches('_'))
    }
}

/// The bytes in lines, each begun and ended as told, each byte as `byte` writes it.
fn lines_of(bytes: &[u8], [begin, end]: [&str; 2], byte: fn(&mut String, u8)) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(6));
    for line in bytes.chunks(BYTES_PER_LINE) {
        text += begin;
        line.iter().for_each(|&value| byte(&mut text, value));
        text += end;
    }
    text
}

/// `\x` and two digits, which both languages take between quotes.
fn escaped(text: &mut String, byte: u8) {
    let _ = write!(text, "\\x{byte:02x}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_file_name_is_an_identifier() {
        for (stem, name) in [
            ("digits", "digits"),
            ("My Model-v2", "my_model_v2"),
            ("2nd", "model_2nd"),
            ("_x", "model_x"),
            ("", "model_"),
            ("größe", "gr__e"),
        ] {
            assert_eq!(identifier(stem), name);
        }
    }

    #[test]
    fn no_name_ends_a_comment() {
        assert_eq!(plain("a*/ b\n\u{1b}/*"), "a* / b\\n\\u{1b}/ *");
    }
}
