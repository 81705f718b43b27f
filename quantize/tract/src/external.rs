//! Tensors whose numbers lie in a file beside the model.
//!
//! ONNX's rules, kept to the letter: the file is in the model's folder or below it, and no path leads out. What
//! is read is copied into the tensor at once, so nobody behind here knows where numbers came from. The same bytes
//! may be named by many tensors, so the sum of what is copied is bounded by the files' sizes.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};

use crate::file::DecodeError;
use crate::tensor;

/// What lies beside a model. A trait, so that hostile files are tested without a file system.
pub trait Siblings {
    /// Bytes of the file `location`: names of folders and of a file, joined by `/`, never `..`.
    ///
    /// # Errors
    /// Why there is no such file, as it goes on behind "`tensor` is in `location`: ".
    fn size_bytes(&self, location: &str) -> Result<u64, String>;

    /// `len` bytes of it from `offset` on, which lie inside of it.
    ///
    /// # Errors
    /// As for [`Self::size_bytes`].
    fn read(&self, location: &str, offset: u64, len: usize) -> Result<Vec<u8>, String>;
}

/// Nothing beside the model: it came from memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSiblings;

impl Siblings for NoSiblings {
    fn size_bytes(&self, _: &str) -> Result<u64, String> {
        Err("the model came without its folder".into())
    }

    fn read(&self, location: &str, _: u64, _: usize) -> Result<Vec<u8>, String> {
        self.size_bytes(location).map(|_| Vec::new())
    }
}

/// Most bytes that the tensors of one model may have in other files.
const SIZE_BYTES_MAX: u64 = 1 << 28;

/// How often the bytes of a file may be copied: tied weights are named twice, hardly ever more often.
const COPIES_MAX: u64 = 4;

/// Copies into every tensor what it has in other files; how many bytes that are.
pub(crate) fn inline(model: &mut ModelProto, siblings: &dyn Siblings) -> Result<usize, DecodeError> {
    let mut inliner = Inliner { siblings, sizes: Vec::new(), copied: 0 };
    if let Some(graph) = &mut model.graph {
        inliner.graph(graph)?;
    }
    model.functions.iter_mut().flat_map(|function| &mut function.node).try_for_each(|node| inliner.node(node))?;
    Ok(inliner.copied as usize)
}

struct Inliner<'s> {
    siblings: &'s dyn Siblings,
    /// Files that were looked at, and how large they are.
    sizes: Vec<(String, u64)>,
    copied: u64,
}

/// Where a tensor's numbers are.
#[derive(Debug, Default, PartialEq)]
struct Span {
    location: String,
    offset: u64,
    length: Option<u64>,
}

impl Inliner<'_> {
    fn graph(&mut self, graph: &mut GraphProto) -> Result<(), DecodeError> {
        graph.initializer.iter_mut().try_for_each(|tensor| self.tensor(tensor))?;
        let parts = graph.sparse_initializer.iter_mut().flat_map(|sparse| [&mut sparse.values, &mut sparse.indices]);
        parts.flatten().try_for_each(|tensor| self.tensor(tensor))?;
        graph.node.iter_mut().try_for_each(|node| self.node(node))
    }

    fn node(&mut self, node: &mut NodeProto) -> Result<(), DecodeError> {
        for attribute in &mut node.attribute {
            let AttributeProto { t, tensors, sparse_tensor, g, graphs, r#type, .. } = attribute;
            let sparse = sparse_tensor.iter_mut().flat_map(|sparse| [&mut sparse.values, &mut sparse.indices]);
            t.iter_mut().chain(tensors).chain(sparse.flatten()).try_for_each(|tensor| self.tensor(tensor))?;
            if *r#type == AttributeType::Graph as i32 || *r#type == AttributeType::Graphs as i32 {
                g.iter_mut().chain(graphs).try_for_each(|graph| self.graph(graph))?;
            }
        }
        Ok(())
    }

    fn tensor(&mut self, tensor: &mut TensorProto) -> Result<(), DecodeError> {
        if tensor.data_location.unwrap_or(0) == 0 {
            return Ok(());
        }
        let bytes = self.bytes(tensor).map_err(|(location, problem)| DecodeError::Sibling {
            tensor: tensor.name.clone(),
            location,
            problem,
        })?;
        tensor.raw_data = bytes;
        tensor.data_location = None;
        tensor.external_data.clear();
        Ok(())
    }

    /// The bytes of a tensor; a failure names the file, as far as it is known.
    fn bytes(&mut self, tensor: &TensorProto) -> Result<Vec<u8>, (String, String)> {
        let entries = tensor.external_data.iter().map(|entry| (entry.key.as_str(), entry.value.as_str()));
        let span = span(entries).map_err(|problem| (String::new(), problem))?;
        let Span { location, offset, length } = &span;
        let at = |problem: String| (location.clone(), problem);
        if !is_below(location) {
            return Err(at(
                "only files in the model's folder or below it are read, by a relative path without `..`".into()
            ));
        }
        let needed = tensor::size_bytes(tensor).map_err(at)? as u64;
        if length.is_some_and(|length| length != needed) {
            let length = length.unwrap_or_default();
            return Err(at(format!(
                "it takes {needed} bytes by its shape and type, {length} by its place in the file"
            )));
        }
        let size = self.size(location).map_err(at)?;
        if offset.checked_add(needed).is_none_or(|end| end > size) {
            return Err(at(format!("bytes {offset} to {offset} + {needed} are wanted, the file ends at {size}")));
        }
        self.copied = self.copied.saturating_add(needed);
        let known: u64 = self.sizes.iter().map(|(_, size)| *size).fold(0, u64::saturating_add);
        if self.copied > SIZE_BYTES_MAX.min(known.saturating_mul(COPIES_MAX)) {
            return Err(at(format!(
                "the model's tensors have more than {SIZE_BYTES_MAX} bytes in other files, or name the same ones more \
                 than {COPIES_MAX} times"
            )));
        }
        let bytes = self.siblings.read(location, *offset, needed as usize).map_err(at)?;
        if bytes.len() as u64 == needed { Ok(bytes) } else { Err(at("the file was changed while it was read".into())) }
    }

    fn size(&mut self, location: &str) -> Result<u64, String> {
        if let Some((_, size)) = self.sizes.iter().find(|(known, _)| known == location) {
            return Ok(*size);
        }
        let size = self.siblings.size_bytes(location)?;
        self.sizes.push((location.into(), size));
        Ok(size)
    }
}

/// Reads the entries of a tensor; a checksum is of the whole file, which is not read.
fn span<'e>(entries: impl Iterator<Item = (&'e str, &'e str)>) -> Result<Span, String> {
    let mut span = Span::default();
    let number = |key: &str, text: &str| text.parse::<u64>().map_err(|_| format!("its {key} `{text}` is no number"));
    for (key, value) in entries {
        match key {
            "location" => span.location = value.into(),
            "offset" => span.offset = number(key, value)?,
            "length" => span.length = Some(number(key, value)?),
            _ => {}
        }
    }
    if span.location.is_empty() { Err("the file names no place of it".into()) } else { Ok(span) }
}

/// True for a path of plain names: nothing absolute on any system, nothing that leads upwards.
fn is_below(location: &str) -> bool {
    let is_plain = |name: &str| !matches!(name, "" | "..") && !name.contains(['\\', ':', '\0']);
    let names = location.strip_prefix("./").unwrap_or(location);
    !names.is_empty() && names.split('/').all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::{Span, is_below, span};

    #[test]
    fn no_path_leads_out_of_the_folder() {
        for inside in ["w.bin", "./w.bin", "a/b/w.bin", "model.onnx.data", "..data", "a/./b"] {
            assert!(is_below(inside), "{inside}");
        }
        for outside in
            ["", ".//", "/w", "../w", "a/../../w", "a/..", "a//b", "c:w", "c:\\w", "..\\w", "\\\\host\\w", "a\0"]
        {
            assert!(!is_below(outside), "{outside:?}");
        }
    }

    #[test]
    fn places_are_numbers() {
        let place = [("location", "w"), ("offset", "4096"), ("length", "16"), ("checksum", "x")];
        let expected = Span { location: "w".into(), offset: 4096, length: Some(16) };
        assert_eq!(span(place.into_iter()), Ok(expected));
        for wrong in ["-1", "1e3", "", "18446744073709551616"] {
            assert!(
                span([("location", "w"), ("offset", wrong)].into_iter()).is_err_and(|error| error.contains("offset"))
            );
        }
        assert!(span([("offset", "1")].into_iter()).is_err());
    }
}
