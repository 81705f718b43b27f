//! What kind of file a model is, by its content; and what to do with those that are not read.

use std::path::Path;

use kinglet_tract::looks_like_onnx;

use crate::plain;

/// The format of a model file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// TensorFlow Lite flatbuffer.
    Tflite,
    /// ONNX protobuf.
    Onnx,
}

impl Kind {
    /// Tells the format by content, then by the file name's extension: an ONNX file has no magic number, so what looks
    /// like one is one, and what is named so and is nothing else is a damaged one.
    pub fn detect(path: &Path, bytes: &[u8]) -> Option<Kind> {
        if bytes.get(4..8) == Some(b"TFL3") {
            return Some(Kind::Tflite);
        }
        if foreign(path, bytes).is_some() {
            return None;
        }
        match extension(path).as_str() {
            "tflite" | "lite" => Some(Kind::Tflite),
            "onnx" => Some(Kind::Onnx),
            _ => looks_like_onnx(bytes).then_some(Kind::Onnx),
        }
    }
}

fn extension(path: &Path) -> String {
    path.extension().map_or_else(String::new, |extension| extension.to_string_lossy().to_ascii_lowercase())
}

/// What a file that is not read is, and how a model is had from it.
pub(super) struct Foreign {
    pub(super) what: &'static str,
    pub(super) remedy: String,
}

/// What a folder has that is a SavedModel.
const SAVED_MODEL: &str = "saved_model.pb";

/// Bytes at either end of a file in which names are looked for: an archive has them all at its end.
const NAMES_BYTES: usize = 1 << 16;

/// The kind of a file that is not read, by its content; by its name where this says nothing.
pub(super) fn foreign(path: &Path, bytes: &[u8]) -> Option<Foreign> {
    let is = |what: &'static str, remedy: String| Some(Foreign { what, remedy });
    let is_archive = bytes.starts_with(b"PK\x03\x04");
    let [first, last] = [&bytes[..bytes.len().min(NAMES_BYTES)], &bytes[bytes.len().saturating_sub(NAMES_BYTES)..]];
    let has = |name: &[u8]| [first, last].iter().any(|part| part.windows(name.len()).any(|window| window == name));
    match extension(path).as_str() {
        _ if bytes.starts_with(b"\x89HDF\r\n\x1a\n") => is("a Keras file (HDF5)", keras(path)),
        _ if is_archive && (has(b"/archive_format") || has(b"serialized_exported_program")) => {
            is("an exported program of PyTorch", torch(path, ""))
        }
        _ if is_archive && has(b"/constants.pkl") => is("a TorchScript file", torch(path, SHAPE)),
        _ if is_archive && has(b".pkl") => is("a PyTorch file", weights(path)),
        _ if is_archive && has(b".tflite") => is("an archive with .tflite files", unpacked(path)),
        _ if bytes.starts_with(b"\x93NUMPY") || (is_archive && has(b".npy")) => {
            is("NumPy data", format!("give the model, and this with it: kinglet compile MODEL --calib {}", argument(path)))
        }
        _ if bytes.starts_with(&kinglet_blob::MAGIC) => {
            is("a blob, which is compiled", format!("look at it: kinglet inspect {}", argument(path)))
        }
        _ if is_archive && has(b"config.json") => is("a Keras file", keras(path)),
        "pt" | "pth" | "ckpt" if !looks_like_onnx(bytes) => is("a PyTorch file", weights(path)),
        _ if bytes.get(4..8) == Some(b"ORTM") => is(
            "an .ort file, made of an .onnx file for onnxruntime",
            "compile the .onnx file that it was made of".into(),
        ),
        "mlmodel" | "mlpackage" => {
            is("a Core ML model", "compile the .onnx or .tflite file of the model that it was converted from".into())
        }
        "pb" if path.file_name().is_some_and(|name| name == SAVED_MODEL) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            is("the graph of a SavedModel", keras(folder.unwrap_or(Path::new("."))))
        }
        "pb" if !looks_like_onnx(bytes) => is(
            "a TensorFlow graph",
            "make a SavedModel of it and, in Python, `tf.lite.TFLiteConverter.from_saved_model(\"folder\").convert()`; write \
             the bytes to model.tflite and compile it"
                .into(),
        ),
        _ => None,
    }
}

/// What a folder is, when it is a model.
pub(super) fn foreign_folder(path: &Path) -> Option<Foreign> {
    let is_saved_model = path.join(SAVED_MODEL).is_file();
    is_saved_model.then(|| Foreign { what: "the folder of a SavedModel", remedy: keras(path) })
}

/// The option that the scripts want for a network that does not say what it takes.
const SHAPE: &str = " --input 1,3,224,224";

/// Commands to be typed, a line each.
fn typed(what: &str, commands: &[String]) -> String {
    let lines: String = commands.iter().map(|command| format!("\n  {command}")).collect();
    format!("{what}:{lines}\ntools/export is in Kinglet's repository, docs/import.md has the way without it")
}

fn keras(path: &Path) -> String {
    let command = format!("python3 tools/export/keras_to_tflite.py {}", argument(path));
    typed("make a .tflite file of it", &[command, compile(path, "tflite")])
}

fn torch(path: &Path, options: &str) -> String {
    let command = format!("python3 tools/export/torch_to_onnx.py {}{options}", argument(path));
    let what = if options.is_empty() {
        "make an .onnx file of it"
    } else {
        "make an .onnx file of it, with your input's shape"
    };
    typed(what, &[command, compile(path, "onnx")])
}

/// Weights do not say what network they are for.
fn weights(path: &Path) -> String {
    let (file, compile) = (argument(path), compile(path, "onnx"));
    let command = format!("python3 tools/export/torch_to_onnx.py {file} --factory my_nets.py:make_net{SHAPE}");
    let what = "make an .onnx file of it, with a function of yours that makes the network, and your input's shape";
    typed(what, &[command, compile])
}

fn unpacked(path: &Path) -> String {
    format!("unpack it, and compile one of them:\n  python3 -m zipfile -e {} .", argument(path))
}

/// The command for the file that a script makes: in the current folder, with another ending.
fn compile(path: &Path, extension: &str) -> String {
    let name = path.file_name().map_or_else(|| "model".into(), |name| Path::new(name).with_extension(extension));
    format!("kinglet compile {}", argument(&name))
}

/// A path as an argument in a shell.
fn argument(path: &Path) -> String {
    let text = plain::name(&path.display().to_string());
    let is_plain = |c: char| c.is_alphanumeric() || "._-/+=:@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str, bytes: &[u8]) -> Result<Kind, &'static str> {
        let path = Path::new(name);
        Kind::detect(path, bytes).ok_or_else(|| foreign(path, bytes).map_or("unknown", |found| found.what))
    }

    #[test]
    fn content_counts_before_the_name() {
        let onnx = [0x08, 8, 0x3a, 0, 0x42, 2, 0x10, 17];
        for name in ["m.onnx", "m.pb", "m", "m.bin", "m.pt"] {
            assert_eq!(kind(name, &onnx), Ok(Kind::Onnx), "{name}");
        }
        assert_eq!(kind("m.onnx", b"\0\0\0\0TFL3"), Ok(Kind::Tflite));
        assert_eq!(kind("m.onnx", b"damaged"), Ok(Kind::Onnx));
        assert_eq!(kind("m.tflite", b"damaged"), Ok(Kind::Tflite));
        assert_eq!(kind("m.txt", b"some words"), Err("unknown"));
    }

    #[test]
    fn what_is_not_read_is_told_with_what_to_do() {
        for (name, bytes, what, command) in [
            (
                "m.h5",
                &b"\x89HDF\r\n\x1a\n..."[..],
                "a Keras file (HDF5)",
                "keras_to_tflite.py m.h5\n  kinglet compile m.tflite",
            ),
            ("m.onnx", b"PK\x03\x04....config.json", "a Keras file", "keras_to_tflite.py m.onnx\n"),
            ("m.bin", b"PK\x03\x04....m/data.pkl", "a PyTorch file", "torch_to_onnx.py m.bin --factory"),
            ("m.pth", b"\x80\x02", "a PyTorch file", "kinglet compile m.onnx"),
            ("a/m.pt", b"PK\x03\x04 m/data.pkl m/constants.pkl", "a TorchScript file", "a/m.pt --input 1,3,224,224\n"),
            (
                "m.pt2",
                b"PK\x03\x04 m/data/model_weights_config.json m/archive_format",
                "an exported program of PyTorch",
                "torch_to_onnx.py m.pt2\n  kinglet compile m.onnx",
            ),
            ("m.task", b"PK\x03\x04 a.tflite", "an archive with .tflite files", "python3 -m zipfile -e m.task ."),
            ("c.npz", b"PK\x03\x04 x.npy", "NumPy data", "--calib c.npz"),
            ("m.ort", b"\0\0\0\0ORTM", "an .ort file, made of an .onnx file for onnxruntime", "the .onnx file"),
            ("m.mlmodel", b"", "a Core ML model", "the .onnx or .tflite file"),
            ("m.pb", b"\x0a\x02ab", "a TensorFlow graph", "from_saved_model"),
            ("saved/saved_model.pb", b"\x08\x01", "the graph of a SavedModel", "keras_to_tflite.py saved\n"),
            ("my m'.pth", b"\x80\x02", "a PyTorch file", r"torch_to_onnx.py 'my m'\''.pth' --factory"),
        ] {
            assert_eq!(kind(name, bytes), Err(what), "{name}");
            let remedy = foreign(Path::new(name), bytes).map_or_else(String::new, |found| found.remedy);
            assert!(remedy.contains(command), "{name}: {remedy}");
        }
    }

    #[test]
    fn names_of_members_are_found_at_the_end_of_a_large_archive() {
        let mut archive = b"PK\x03\x04 m/data.pkl".to_vec();
        archive.resize(3 * NAMES_BYTES, 0);
        archive.extend_from_slice(b"m/constants.pkl");
        assert_eq!(kind("m.pt", &archive), Err("a TorchScript file"));
    }
}
