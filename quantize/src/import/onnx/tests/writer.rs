//! Writes small ONNX files for tests: just enough protobuf.

/// An attribute's value.
pub(crate) enum Attr<'a> {
    Int(i64),
    Float(f32),
    Text(&'a str),
    Ints(&'a [i64]),
    Texts(&'a [&'a str]),
    /// An INT64 tensor with one axis.
    Tensor(&'a [i64]),
    /// A branch or body.
    Graph(Onnx),
    /// In a function: an attribute of the calling node, an integer.
    OfFunction(&'a str),
}

/// A file under construction.
pub(crate) struct Onnx {
    graph: Vec<u8>,
    /// The nodes once more, for where they stand in a function.
    nodes: Vec<Vec<u8>>,
    functions: Vec<Vec<u8>>,
    opset: i64,
}

impl Onnx {
    pub(crate) fn new(opset: i64) -> Self {
        Onnx { graph: Vec::new(), nodes: Vec::new(), functions: Vec::new(), opset }
    }

    /// A float input; an extent of 0 is left open.
    pub(crate) fn input(mut self, name: &str, shape: &[i64]) -> Self {
        message(&mut self.graph, 11, &port(name, shape, 1));
        self
    }

    /// An input of element type `code`.
    pub(crate) fn typed_input(mut self, name: &str, shape: &[i64], code: u64) -> Self {
        message(&mut self.graph, 11, &port(name, shape, code));
        self
    }

    /// An output of element type `code`.
    pub(crate) fn typed_output(mut self, name: &str, code: u64) -> Self {
        message(&mut self.graph, 12, &port(name, &[], code));
        self
    }

    pub(crate) fn output(mut self, name: &str) -> Self {
        let mut value = Vec::new();
        bytes(&mut value, 1, name.as_bytes());
        message(&mut self.graph, 12, &value);
        self
    }

    pub(crate) fn floats(mut self, name: &str, shape: &[i64], values: &[f32]) -> Self {
        let mut tensor = head(shape, 1);
        bytes(&mut tensor, 8, name.as_bytes());
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        bytes(&mut tensor, 9, &raw);
        message(&mut self.graph, 5, &tensor);
        self
    }

    pub(crate) fn ints(mut self, name: &str, shape: &[i64], values: &[i64]) -> Self {
        let mut tensor = int_tensor(shape, values);
        bytes(&mut tensor, 8, name.as_bytes());
        message(&mut self.graph, 5, &tensor);
        self
    }

    /// A constant of element type `code` as raw bytes.
    pub(crate) fn raw(mut self, name: &str, code: u64, shape: &[i64], raw: &[u8]) -> Self {
        let mut tensor = head(shape, code);
        bytes(&mut tensor, 8, name.as_bytes());
        bytes(&mut tensor, 9, raw);
        message(&mut self.graph, 5, &tensor);
        self
    }

    /// A float constant whose numbers lie in another file, at a place of these keys and values.
    pub(crate) fn external(mut self, name: &str, shape: &[i64], place: &[(&str, &str)]) -> Self {
        let mut tensor = head(shape, 1);
        bytes(&mut tensor, 8, name.as_bytes());
        for (key, value) in place {
            let mut entry = Vec::new();
            bytes(&mut entry, 1, key.as_bytes());
            bytes(&mut entry, 2, value.as_bytes());
            message(&mut tensor, 13, &entry);
        }
        number(&mut tensor, 14, 1);
        message(&mut self.graph, 5, &tensor);
        self
    }

    pub(crate) fn node(self, op_type: &str, inputs: &[&str], output: &str, attributes: &[(&str, Attr<'_>)]) -> Self {
        self.foreign_node("", op_type, inputs, &[output], attributes)
    }

    /// A node with any number of results.
    pub(crate) fn node_of(
        self,
        op_type: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: &[(&str, Attr<'_>)],
    ) -> Self {
        self.foreign_node("", op_type, inputs, outputs, attributes)
    }

    pub(crate) fn foreign_node(
        mut self,
        domain: &str,
        op_type: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: &[(&str, Attr<'_>)],
    ) -> Self {
        let mut node = Vec::new();
        inputs.iter().for_each(|input| bytes(&mut node, 1, input.as_bytes()));
        outputs.iter().for_each(|output| bytes(&mut node, 2, output.as_bytes()));
        bytes(&mut node, 3, format!("node_{}", outputs.concat()).as_bytes());
        bytes(&mut node, 4, op_type.as_bytes());
        bytes(&mut node, 7, domain.as_bytes());
        for (name, value) in attributes {
            message(&mut node, 5, &attribute(name, value));
        }
        message(&mut self.graph, 1, &node);
        self.nodes.push(node);
        self
    }

    /// An operator of the domain `local` that is defined by the nodes of `body`.
    pub(crate) fn function(mut self, name: &str, inputs: &[&str], outputs: &[&str], body: &Onnx) -> Self {
        let mut function = Vec::new();
        bytes(&mut function, 1, name.as_bytes());
        inputs.iter().for_each(|input| bytes(&mut function, 4, input.as_bytes()));
        outputs.iter().for_each(|output| bytes(&mut function, 5, output.as_bytes()));
        body.nodes.iter().for_each(|node| message(&mut function, 7, node));
        let mut opset = Vec::new();
        number(&mut opset, 2, body.opset as u64);
        message(&mut function, 9, &opset);
        bytes(&mut function, 10, b"local");
        self.functions.push(function);
        self
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        let mut model = Vec::new();
        number(&mut model, 1, 8);
        message(&mut model, 7, &self.graph);
        let mut opset = Vec::new();
        number(&mut opset, 2, self.opset as u64);
        message(&mut model, 8, &opset);
        self.functions.iter().for_each(|function| message(&mut model, 25, function));
        model
    }
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn bytes(out: &mut Vec<u8>, field: u64, payload: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, payload.len() as u64);
    out.extend_from_slice(payload);
}

fn message(out: &mut Vec<u8>, field: u64, payload: &[u8]) {
    bytes(out, field, payload);
}

fn port(name: &str, shape: &[i64], code: u64) -> Vec<u8> {
    let mut extents = Vec::new();
    for &extent in shape {
        let mut dimension = Vec::new();
        match extent {
            0 => bytes(&mut dimension, 2, b"N"),
            _ => number(&mut dimension, 1, extent as u64),
        }
        message(&mut extents, 1, &dimension);
    }
    let mut tensor = Vec::new();
    number(&mut tensor, 1, code);
    message(&mut tensor, 2, &extents);
    let mut value_type = Vec::new();
    message(&mut value_type, 1, &tensor);
    let mut value = Vec::new();
    bytes(&mut value, 1, name.as_bytes());
    message(&mut value, 2, &value_type);
    value
}

/// Shape and element type of a tensor.
fn head(shape: &[i64], code: u64) -> Vec<u8> {
    let mut tensor = Vec::new();
    shape.iter().for_each(|&extent| number(&mut tensor, 1, extent as u64));
    number(&mut tensor, 2, code);
    tensor
}

fn int_tensor(shape: &[i64], values: &[i64]) -> Vec<u8> {
    let mut tensor = head(shape, 7);
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    bytes(&mut tensor, 9, &raw);
    tensor
}

fn attribute(name: &str, value: &Attr<'_>) -> Vec<u8> {
    let mut attribute = Vec::new();
    bytes(&mut attribute, 1, name.as_bytes());
    let kind = match value {
        Attr::Float(value) => {
            varint(&mut attribute, 2 << 3 | 5);
            attribute.extend_from_slice(&value.to_le_bytes());
            1
        }
        Attr::Int(value) => {
            number(&mut attribute, 3, *value as u64);
            2
        }
        Attr::Text(text) => {
            bytes(&mut attribute, 4, text.as_bytes());
            3
        }
        Attr::Tensor(values) => {
            message(&mut attribute, 5, &int_tensor(&[values.len() as i64], values));
            4
        }
        Attr::Graph(graph) => {
            message(&mut attribute, 6, &graph.graph);
            5
        }
        Attr::OfFunction(name) => {
            bytes(&mut attribute, 21, name.as_bytes());
            2
        }
        Attr::Texts(texts) => {
            texts.iter().for_each(|text| bytes(&mut attribute, 9, text.as_bytes()));
            8
        }
        Attr::Ints(values) => {
            values.iter().for_each(|&value| number(&mut attribute, 8, value as u64));
            7
        }
    };
    number(&mut attribute, 20, kind);
    attribute
}
