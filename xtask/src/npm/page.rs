//! The viewer as one file that needs no server: style, scripts, modules and example models inside of it.
//!
//! Browsers load neither scripts nor WebAssembly from beside a file that was opened from a disk. So the scripts of
//! `ffi/wasm/page` are put into the page one behind another, without the lines by which they import each other, and
//! everything else as base64. What the page must not have, and a test looks for, is anything that is fetched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};

use super::source;
use crate::tree;

/// The scripts, each behind those that it imports.
const SCRIPTS: [&str; 4] = ["kinglet.js", "page/digits.js", "page/memory.js", "page/viewer.js"];

/// Example models: name, folder of `examples`, file.
const EXAMPLES: [(&str, &str); 2] = [("digits", "model.onnx"), ("gesture", "model.tflite")];

/// The page, with the modules that are in `package`.
pub(super) fn assembled(package: &Path, kinglet: &Path) -> Result<String> {
    let page = read(&source().join("page/index.html"))?;
    let style = read(&source().join("page/viewer.css"))?;
    let scripts = SCRIPTS.iter().map(|name| Ok(plain(&read(&source().join(name))?))).collect::<Result<Vec<_>>>()?;
    let data = data(package, kinglet)?;
    let parts = [
        ("<link rel=\"stylesheet\" href=\"viewer.css\">", format!("<style>\n{style}</style>")),
        ("{}</script>", format!("{data}</script>")),
        (
            "<script type=\"module\" src=\"viewer.js\"></script>",
            format!("<script type=\"module\">\n{}</script>", scripts.concat()),
        ),
    ];
    let mut assembled = page;
    for (place, content) in parts {
        ensure!(assembled.matches(place).count() == 1, "index.html has not one {place}");
        assembled = assembled.replacen(place, &content, 1);
    }
    Ok(assembled)
}

/// A script without imports and exports.
fn plain(script: &str) -> String {
    let kept = script.lines().filter(|line| !line.starts_with("import "));
    kept.map(|line| line.strip_prefix("export ").unwrap_or(line).to_owned() + "\n").collect()
}

/// Modules, models and samples: JSON, which has no `<` that could end the element it stands in.
fn data(package: &Path, kinglet: &Path) -> Result<String> {
    let mut data = Map::new();
    for module in ["simd", "scalar"] {
        let path = package.join(format!("kinglet-{module}.wasm"));
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        data.insert(module.into(), base64(&bytes).into());
    }
    for (name, file) in EXAMPLES {
        let blob = example(name, file, kinglet)?;
        let bytes = fs::read(&blob).with_context(|| format!("cannot read {}", blob.display()))?;
        data.insert(name.into(), base64(&bytes).into());
    }
    let gestures: Value = serde_json::from_str(&read(&source().join("page/gestures.json"))?)?;
    data.insert("gestures".into(), gestures);
    let text = serde_json::to_string(&data)?;
    ensure!(!text.contains('<'), "the page's data would end its element");
    Ok(text)
}

/// An example, compiled to run everywhere.
fn example(name: &str, file: &str, kinglet: &Path) -> Result<PathBuf> {
    let blob = tree::library_target().join(format!("{name}.kgl"));
    let folder = tree::root().join("examples").join(name);
    let mut command = Command::new(kinglet);
    command.arg("compile").arg(folder.join(file)).arg("--calib").arg(folder.join("calib.npz"));
    command.args(["--target", "portable", "--golden", "2", "-o"]).arg(&blob);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(blob)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = group.iter().fold(0_u32, |word, &byte| word << 8 | u32::from(byte)) << (8 * (3 - group.len()));
        for position in 0..4 {
            let letter = ALPHABET[(word >> (18 - 6 * position)) as usize & 63];
            text.push(if position <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn scripts_lose_what_only_modules_have() {
        assert_eq!(
            plain("import { a } from \"./a.js\";\nexport const b = 1;\n  exported;\n"),
            "const b = 1;\n  exported;\n"
        );
    }

    #[test]
    fn scripts_import_only_what_is_put_before_them() {
        let mut known: Vec<&str> = Vec::new();
        for name in SCRIPTS {
            let script = read(&source().join(name)).unwrap();
            for line in script.lines().filter(|line| line.starts_with("import ")) {
                let file = line.rsplit(['"', '/']).nth(1).unwrap();
                assert!(known.contains(&file), "{name} imports {file}");
            }
            known.push(name.rsplit('/').next().unwrap());
        }
    }

    #[test]
    fn the_page_fetches_nothing() {
        for name in SCRIPTS.iter().skip(1).chain(&["page/index.html", "page/viewer.css"]) {
            let text = read(&source().join(name)).unwrap();
            for word in ["fetch(", "XMLHttpRequest", "WebSocket", "sendBeacon", "url(", "@import", "https:"] {
                assert!(!text.contains(word), "{name} has {word}");
            }
        }
    }
}
