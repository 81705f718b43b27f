//! What kind of file a model is, by its content; and what to do with those that are not read.

use std::path::Path;

use kinglet_tract::looks_like_onnx;

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

const TORCH: &str = "in Python: `torch.onnx.export(model.eval(), (torch.zeros(1, 3, 224, 224),), \"model.onnx\")` with an \
                     input of your model's shape, then compile model.onnx";

/// The kind of a file that is not read, by its first bytes; by its name where these say nothing.
pub(super) fn foreign(path: &Path, bytes: &[u8]) -> Option<Foreign> {
    let is = |what: &'static str, remedy: String| Some(Foreign { what, remedy });
    let file = path.display();
    let keras = |call: &str| {
        format!(
            "in Python: `open(\"model.tflite\", \"wb\").write(tf.lite.TFLiteConverter.{call}.convert())`, then compile \
             model.tflite"
        )
    };
    let load = format!("from_keras_model(tf.keras.models.load_model(\"{file}\"))");
    let has = |name: &[u8]| bytes[..bytes.len().min(1 << 16)].windows(name.len()).any(|window| window == name);
    match extension(path).as_str() {
        _ if bytes.starts_with(b"\x89HDF\r\n\x1a\n") => is("a Keras file (HDF5)", keras(&load)),
        _ if bytes.starts_with(b"PK\x03\x04") && has(b"config.json") => is("a Keras file", keras(&load)),
        _ if bytes.starts_with(b"PK\x03\x04") && has(b".pkl") => is("a PyTorch file", TORCH.into()),
        "pt" | "pth" | "ckpt" if !looks_like_onnx(bytes) => is("a PyTorch file", TORCH.into()),
        _ if bytes.get(4..8) == Some(b"ORTM") => is(
            "an .ort file, made of an .onnx file for onnxruntime",
            "compile the .onnx file that it was made of".into(),
        ),
        "mlmodel" | "mlpackage" => {
            is("a Core ML model", "compile the .onnx or .tflite file of the model that it was converted from".into())
        }
        "pb" if !looks_like_onnx(bytes) => is(
            "a TensorFlow graph",
            "for the folder of a SavedModel: ".to_owned() + &keras("from_saved_model(\"FOLDER\")"),
        ),
        _ => None,
    }
}

/// What a folder is, when it is a model.
pub(super) fn foreign_folder(path: &Path) -> Option<Foreign> {
    if !path.join("saved_model.pb").is_file() {
        return None;
    }
    let convert = format!("tf.lite.TFLiteConverter.from_saved_model(\"{}\").convert()", path.display());
    let remedy = format!("in Python: `open(\"model.tflite\", \"wb\").write({convert})`, then compile model.tflite");
    Some(Foreign { what: "the folder of a SavedModel", remedy })
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
        let python =
            |name: &str, bytes: &[u8]| foreign(Path::new(name), bytes).map_or_else(String::new, |it| it.remedy);
        assert_eq!(kind("m.h5", b"\x89HDF\r\n\x1a\n..."), Err("a Keras file (HDF5)"));
        assert_eq!(kind("m.onnx", b"PK\x03\x04....config.json"), Err("a Keras file"));
        assert_eq!(kind("m.bin", b"PK\x03\x04....m/data.pkl"), Err("a PyTorch file"));
        assert_eq!(kind("m.pth", b"\x80\x02"), Err("a PyTorch file"));
        assert_eq!(kind("m.ort", b"\0\0\0\0ORTM"), Err("an .ort file, made of an .onnx file for onnxruntime"));
        assert_eq!(kind("m.mlmodel", b""), Err("a Core ML model"));
        assert_eq!(kind("m.pb", b"\x0a\x02ab"), Err("a TensorFlow graph"));
        assert!(python("a.keras", b"PK\x03\x04 config.json").contains("load_model(\"a.keras\")"));
        assert!(python("a.pt", b"\x80\x02").contains("torch.onnx.export(model.eval()"));
    }
}
