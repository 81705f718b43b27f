//! The Swift package, which cannot be compiled here: is what it takes from `kinglet.h` there? `ffi/ios/Sources/Kinglet/C.swift`
//! gives each function of C the type that Swift has for it; the types here are made of the header by the rules of Swift's
//! importer, and both must be the same. Constants and fields must exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::jvm::files_below;
use crate::tree;

/// Functions of the header: name to Swift's type.
fn imported(header: &str) -> BTreeMap<String, String> {
    let without_comments: String = header
        .split("/*")
        .enumerate()
        .map(|(at, part)| if at == 0 { part } else { part.split_once("*/").unwrap_or(("", "")).1 })
        .collect();
    let declarations = without_comments.split(';').filter_map(|text| {
        let text = text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join(" ");
        let (head, parameters) = text.trim().split_once('(')?;
        let at = head.find("kinglet_status_name").or_else(|| head.rfind("kinglet_"))?;
        let (result, name) = head.split_at(at);
        let parameters = parameters.strip_suffix(')')?;
        let types: Option<Vec<String>> =
            parameters.split(',').filter(|it| it.trim() != "void").map(parameter).collect();
        Some((name.trim().to_owned(), format!("({}) -> {}", types?.join(", "), swift(result)?)))
    });
    declarations.collect()
}

/// The type of a parameter such as `const kinglet_model *model`.
fn parameter(text: &str) -> Option<String> {
    let end = text.trim_end().trim_end_matches(|letter: char| letter.is_ascii_alphanumeric() || letter == '_');
    swift(end)
}

/// Swift's type for one of C's.
fn swift(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some(pointee) = text.strip_suffix('*') {
        let (pointee, kind) = match pointee.trim().strip_prefix("const ") {
            // Of `const void **` it is what is behind both that is constant.
            Some(constant) if !constant.ends_with('*') => (constant, ""),
            _ => (pointee.trim(), "Mutable"),
        };
        if pointee.trim() == "void" {
            return Some(format!("Unsafe{kind}RawPointer?"));
        }
        return Some(format!("Unsafe{kind}Pointer<{}>?", swift(pointee)?));
    }
    let name = match text {
        "size_t" => "Int",
        "uint8_t" => "UInt8",
        "uint32_t" => "UInt32",
        "uint64_t" => "UInt64",
        "int8_t" => "Int8",
        "char" => "CChar",
        "float" => "Float",
        "kinglet_status" | "kinglet_model" | "kinglet_session" | "kinglet_tensor" | "kinglet_work" => text,
        _ => return None,
    };
    Some(name.to_owned())
}

/// Words of a text that are names.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

fn header() -> String {
    fs::read_to_string(tree::root().join("ffi/include/kinglet.h")).unwrap()
}

/// Name and text of every file of the package.
fn package() -> Vec<(String, String)> {
    let files = files_below(&tree::root().join("ffi/ios"), "swift").unwrap();
    let read = |file: &std::path::PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (name, fs::read_to_string(file).unwrap())
    };
    files.iter().map(read).collect()
}

#[test]
fn ios_functions_are_those_of_the_header() {
    let known = imported(&header());
    let names: BTreeSet<String> = known.keys().cloned().collect();
    assert_eq!(names, crate::c_test::header::functions().unwrap());
    let (_, text) = package().into_iter().find(|(name, _)| name == "C.swift").unwrap();
    let mut count = 0;
    for line in text.lines().filter(|line| line.trim_start().starts_with("static var ")) {
        let (_, rest) = line.split_once(": ").unwrap();
        let (kind, function) = rest.trim_end_matches('}').split_once(" { ").unwrap();
        assert_eq!(known.get(function.trim()).map(String::as_str), Some(kind), "{function}");
        count += 1;
    }
    assert!(count > 15, "{count} functions");
}

#[test]
fn ios_names_of_c_stand_in_one_file_and_exist() {
    let header = header();
    let known: BTreeSet<&str> = words(&header).collect();
    for (file, text) in package() {
        for word in words(&text).filter(|word| word.starts_with("kinglet_") || word.starts_with("KINGLET_")) {
            assert!(known.contains(word), "{file}: {word} is not in kinglet.h");
            let is_type = ["kinglet_status", "kinglet_model", "kinglet_session", "kinglet_tensor"].contains(&word);
            let is_constant = word.starts_with("KINGLET_");
            assert!(file == "C.swift" || is_type || is_constant, "{file} names {word}, which C.swift is for");
        }
        // Fields of a struct of C, by their snake case, and those that are words of their own.
        let fields = text.split("tensor.").skip(1).filter_map(|rest| words(rest).next());
        for field in fields.filter(|_| file == "Tensor.swift") {
            assert!(known.contains(field), "{file}: kinglet_tensor has no {field}");
        }
    }
}

#[test]
fn ios_types_are_made_by_the_rules_of_the_importer() {
    let text = "/* a; b */ kinglet_status kinglet_f(kinglet_model *m, const void *b, size_t n, const void **p, void **q);\n\
                const char *kinglet_status_name(kinglet_status status);\nuint32_t kinglet_version(void);";
    let found = imported(text);
    let expected = "(UnsafeMutablePointer<kinglet_model>?, UnsafeRawPointer?, Int, \
                    UnsafeMutablePointer<UnsafeRawPointer?>?, UnsafeMutablePointer<UnsafeMutableRawPointer?>?) -> kinglet_status";
    assert_eq!(found.get("kinglet_f").map(String::as_str), Some(expected));
    assert_eq!(found["kinglet_status_name"], "(kinglet_status) -> UnsafePointer<CChar>?");
    assert_eq!(found["kinglet_version"], "() -> UInt32");
}
