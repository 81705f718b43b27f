//! A header and a source file in C99.

use core::fmt::Write as _;

use kinglet_blob::DType;

use super::{SourceFile, Subject, described, lines_of};

/// The header and the source file.
pub(super) fn files(subject: &Subject<'_>) -> Vec<SourceFile> {
    vec![subject.file("h", header(subject)), subject.file("c", source(subject))]
}

fn header(subject: &Subject<'_>) -> String {
    let (name, upper) = (&subject.name, subject.name.to_ascii_uppercase());
    let mut text = comment(&subject.head("c"));
    let _ = write!(
        text,
        "#ifndef KINGLET_BLOB_{upper}_H\n#define KINGLET_BLOB_{upper}_H\n\n#include \"kinglet.h\"\n\n\
         #ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n\
         /* The blob, for kinglet_model_init({name}_blob, {upper}_BLOB_BYTES). */\n\
         #define {upper}_BLOB_BYTES {}u\nextern const uint8_t {name}_blob[{upper}_BLOB_BYTES];\n\n\
         /* What kinglet_model_arena_bytes() says of it: KINGLET_ALIGNED static uint8_t arena[{upper}_ARENA_BYTES]; */\n\
         #define {upper}_ARENA_BYTES {}u\n",
        subject.bytes().len(),
        // An array has at least one element.
        subject.model.arena_bytes().max(1),
    );
    for (side, index, port) in subject.ports() {
        let _ = write!(text, "\n/* {} {index}: {} */\n", side.to_lowercase(), described(&port));
        let place = format!("{upper}_{side}_{index}");
        let extents = port.shape().iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "#define {place}_LEN {}u", port.len());
        let _ = writeln!(text, "#define {place}_DIMS {{{extents}}}");
        if !matches!(port.dtype, DType::F32 | DType::Bool) {
            let _ = writeln!(text, "#define {place}_SCALE {:e}f", port.scale);
            let _ = writeln!(text, "#define {place}_ZERO_POINT ({})", port.zero_point);
        }
    }
    if !subject.labels.is_empty() {
        let _ = write!(
            text,
            "\n/* Names of the classes, in the order of the first output's elements; UTF-8. */\n\
             #define {upper}_LABEL_COUNT {}u\nextern const char *const {name}_labels[{upper}_LABEL_COUNT];\n",
            subject.labels.len()
        );
    }
    text + "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n"
}

fn source(subject: &Subject<'_>) -> String {
    let (name, upper) = (&subject.name, subject.name.to_ascii_uppercase());
    let mut text = comment(&subject.head("c"));
    let _ = write!(
        text,
        "#include \"{}.h\"\n\nKINGLET_ALIGNED const uint8_t {name}_blob[{upper}_BLOB_BYTES] = {{\n",
        subject.stem
    );
    text += &lines_of(subject.bytes(), ["    ", "\n"], |text, byte| {
        let _ = write!(text, "{byte},");
    });
    text += "};\n";
    if !subject.labels.is_empty() {
        let _ = writeln!(text, "\nconst char *const {name}_labels[{upper}_LABEL_COUNT] = {{");
        for label in &subject.labels {
            let _ = writeln!(text, "    {},", string(label));
        }
        text += "};\n";
    }
    text
}

/// A comment of these lines.
fn comment(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| format!(" * {line}").trim_end().to_owned()).collect();
    format!("/*\n{}\n */\n", lines.join("\n"))
}

/// A string of C. Three octal digits end by themselves; a question mark could begin a trigraph.
fn string(text: &str) -> String {
    let mut literal = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' | b'?' => literal.extend(['\\', char::from(byte)]),
            b' '..=b'~' => literal.push(char::from(byte)),
            _ => {
                let _ = write!(literal, "\\{byte:03o}");
            }
        }
    }
    literal + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_say_what_they_are_made_of() {
        assert_eq!(string("a\"b\\ ??= ä\n7"), r#""a\"b\\ \?\?= \303\244\0127""#);
    }
}
