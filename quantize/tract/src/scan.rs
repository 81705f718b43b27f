//! Counts what a protobuf file would become before it is decoded.
//!
//! A decoder trusts the file's word for how many messages there are: two bytes of file can become half a
//! kilobyte of structs, so a file of some megabytes could take all memory. This walk allocates next to
//! nothing, follows only fields that hold messages (or many strings), and gives up at
//! [`FIELD_COUNT_MAX`]. It is no parser: what it lets through is decoded and judged by the real one.

/// Most messages and strings a file may have. The largest models have some tens of thousands; the structs
/// of this many take a few hundred megabytes in the worst case.
const FIELD_COUNT_MAX: usize = 1 << 18;

/// Deepest nesting; `prost` itself stops at 100.
const DEPTH_MAX: usize = 100;

/// The messages of an ONNX file, as far as they hold other messages.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    SparseTensor,
    ValueInfo,
    Type,
    TensorType,
    Shape,
    Training,
    Function,
    Annotation,
    Leaf,
}

/// The message in length-delimited field `number` of `parent`; `None` for bytes, strings and packed numbers.
fn child(parent: Message, number: u64) -> Option<Message> {
    use Message::{
        Annotation, Attribute, Function, Graph, Leaf, Model, Node, Shape, SparseTensor, Tensor, TensorType, Training,
        Type, ValueInfo,
    };
    match (parent, number) {
        (Model, 7) => Some(Graph),
        (Model, 8 | 14) => Some(Leaf),
        (Model, 20) => Some(Training),
        (Model, 25) => Some(Function),
        (Graph, 1) => Some(Node),
        (Graph, 5) => Some(Tensor),
        (Graph, 11..=13) => Some(ValueInfo),
        (Graph, 14) => Some(Annotation),
        (Graph, 15) => Some(SparseTensor),
        (Graph, 16) => Some(Leaf),
        (Node, 5) => Some(Attribute),
        (Node, 9) => Some(Leaf),
        (Attribute, 5 | 10) => Some(Tensor),
        (Attribute, 6 | 11) => Some(Graph),
        (Attribute, 14 | 15) => Some(Type),
        (Attribute, 22 | 23) => Some(SparseTensor),
        (Tensor, 3 | 13 | 16) => Some(Leaf),
        (SparseTensor, 1 | 2) => Some(Tensor),
        (ValueInfo, 2) => Some(Type),
        (ValueInfo, 4) => Some(Leaf),
        (Type, 1) => Some(TensorType),
        (TensorType, 2) => Some(Shape),
        (Shape, 1) => Some(Leaf),
        (Training, 1 | 2) => Some(Graph),
        (Training, 3 | 4) => Some(Leaf),
        (Function, 7) => Some(Node),
        (Function, 9 | 14) => Some(Leaf),
        (Annotation, 2) => Some(Leaf),
        _ => None,
    }
}

/// A part of the file that is still to be walked.
struct Span<'b> {
    message: Message,
    rest: &'b [u8],
}

/// Refuses a file that is no protobuf or would decode to far too many messages.
pub(crate) fn scan(bytes: &[u8]) -> Result<(), String> {
    let mut stack = vec![Span { message: Message::Model, rest: bytes }];
    let mut field_count = 0;
    while let Some(span) = stack.last_mut() {
        let at = span.rest.as_ptr().addr() - bytes.as_ptr().addr();
        if span.rest.is_empty() {
            stack.pop();
            continue;
        }
        let Some((number, payload)) = field(&mut span.rest) else {
            return Err(format!("malformed field at byte {at}"));
        };
        let Some(payload) = payload else { continue };
        field_count += 1;
        if field_count > FIELD_COUNT_MAX {
            return Err(format!("more than {FIELD_COUNT_MAX} messages and strings"));
        }
        if let Some(message) = child(span.message, number) {
            if stack.len() == DEPTH_MAX {
                return Err(format!("messages nested more than {DEPTH_MAX} deep at byte {at}"));
            }
            stack.push(Span { message, rest: payload });
        }
    }
    Ok(())
}

/// True when bytes are fields of an ONNX model with a graph among them.
pub fn looks_like_onnx(bytes: &[u8]) -> bool {
    let (mut rest, mut has_graph, mut has_version) = (bytes, false, false);
    while !rest.is_empty() {
        match field(&mut rest) {
            Some((7, Some(_))) => has_graph = true,
            Some((1, None)) => has_version = true,
            Some((2..=4 | 6 | 8 | 14 | 20 | 25 | 26, Some(_)) | (5, None)) => {}
            _ => return false,
        }
    }
    has_graph && has_version
}

/// Takes one field off `rest`: its number, and its bytes when it is length-delimited. Unpacked repeated
/// numbers are not counted: the file spends about as many bytes on them as memory does.
fn field<'b>(rest: &mut &'b [u8]) -> Option<(u64, Option<&'b [u8]>)> {
    let key = varint(rest)?;
    let payload = match key & 7 {
        0 => {
            varint(rest)?;
            None
        }
        1 => {
            take(rest, 8)?;
            None
        }
        2 => {
            let len = varint(rest)?;
            Some(take(rest, usize::try_from(len).ok()?)?)
        }
        5 => {
            take(rest, 4)?;
            None
        }
        // Groups: out of use since before ONNX.
        _ => return None,
    };
    Some((key >> 3, payload))
}

fn take<'b>(rest: &mut &'b [u8], len: usize) -> Option<&'b [u8]> {
    let (taken, left) = rest.split_at_checked(len)?;
    *rest = left;
    Some(taken)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, left) = rest.split_first()?;
        *rest = left;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::scan;

    #[test]
    fn an_empty_model_passes() {
        assert_eq!(scan(&[]), Ok(()));
    }

    #[test]
    fn two_byte_messages_are_counted() {
        // Graph (field 7) full of empty nodes (field 1), two bytes each.
        let nodes: Vec<u8> = [0x0a, 0x00].repeat(300_000);
        let mut bytes = vec![0x3a];
        let mut len = nodes.len();
        while len >= 0x80 {
            bytes.push(len as u8 | 0x80);
            len >>= 7;
        }
        bytes.push(len as u8);
        bytes.extend(nodes);
        assert!(scan(&bytes).is_err_and(|error| error.contains("more than")));
    }

    #[test]
    fn nesting_is_bounded() {
        // A graph inside an attribute inside a node inside a graph ...
        let mut bytes = Vec::new();
        for _ in 0..200 {
            for key in [0x32, 0x2a, 0x0a] {
                let mut outer = vec![key];
                let mut len = bytes.len();
                while len >= 0x80 {
                    outer.push(len as u8 | 0x80);
                    len >>= 7;
                }
                outer.push(len as u8);
                outer.extend(&bytes);
                bytes = outer;
            }
        }
        let mut model = vec![0x3a];
        let mut len = bytes.len();
        while len >= 0x80 {
            model.push(len as u8 | 0x80);
            len >>= 7;
        }
        model.push(len as u8);
        model.extend(bytes);
        assert!(scan(&model).is_err_and(|error| error.contains("nested")));
    }

    #[test]
    fn a_length_beyond_the_end_is_malformed() {
        assert!(scan(&[0x3a, 0x05, 0x00]).is_err_and(|error| error.contains("byte 0")));
        assert!(scan(&[0x80]).is_err());
        assert!(scan(&[0x0b]).is_err());
    }
}
