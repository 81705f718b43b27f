//! Lets a convolution or maximum do the zero padding that stands before it.
//!
//! Exact in quantized graphs too: the padding of both is the real value zero, a pad node does not rescale,
//! and the convolution's padding contributes `zero point - zero point` to its sums. A maximum ignores its
//! own padding, so it takes over zeros only where they cannot win: after a Relu. An average never does, as
//! its own padding does not count.

use super::edit::{bypass, sole_consumer};
use super::{Pass, PassError, PassReport};
use crate::ir::{Activation, Graph, Op, Padding, ValueId};

/// See the module's head.
pub(super) struct FusePad;

impl Pass for FusePad {
    fn name(&self) -> &'static str {
        "fuse-pad"
    }

    fn run(&self, graph: &mut Graph) -> Result<PassReport, PassError> {
        let mut report = PassReport::new(self.name());
        let mut index = 0;
        while index < graph.nodes.len() {
            let node = &graph.nodes[index];
            let Op::Pad { before, after, value } = &node.op else {
                index += 1;
                continue;
            };
            let name = node.name.clone();
            match planar(before, after, *value).and_then(|padding| fuse(graph, index, padding)) {
                Ok(()) => report.change(&name, "fused into the window behind it"),
                Err(why) => {
                    report.miss(&name, &why);
                    index += 1;
                }
            }
        }
        Ok(report)
    }
}

/// Padding of height and width alone, with zeros.
fn planar(before: &[usize], after: &[usize], value: f32) -> Result<Padding, String> {
    if value != 0.0 {
        return Err(format!("it pads with {value}, a window pads with zeros"));
    }
    match (before, after) {
        (&[0, top, left, 0], &[0, bottom, right, 0]) => Ok(Padding { top, bottom, left, right }),
        _ => Err("it pads other axes than height and width".into()),
    }
}

fn fuse(graph: &mut Graph, index: usize, extra: Padding) -> Result<(), String> {
    let (source, padded) = (graph.nodes[index].inputs[0], graph.nodes[index].output());
    let Some(after) = sole_consumer(graph, padded) else {
        return Err("its result is read by more than one node, or is an output".into());
    };
    let consumer = &graph.nodes[after];
    if consumer.inputs[0] != padded {
        return Err(format!("`{}` reads it as weights", consumer.name));
    }
    let mut op = consumer.op.clone();
    let padding = match &mut op {
        Op::Conv2D { padding, .. } | Op::DepthwiseConv2D { padding, .. } => padding,
        Op::MaxPool2D { window, .. } => {
            if !is_never_negative(graph, source) {
                return Err(format!("zeros could be the maximum in `{}`", consumer.name));
            }
            let (rows, columns) = (window.padding.top + extra.top, window.padding.left + extra.left);
            let (low, right) = (window.padding.bottom + extra.bottom, window.padding.right + extra.right);
            if rows.max(low) >= window.size[0] || columns.max(right) >= window.size[1] {
                return Err(format!("a window of `{}` could lie in the padding altogether", consumer.name));
            }
            &mut window.padding
        }
        other => return Err(format!("`{}` ({}) does not pad with zeros", consumer.name, other.name())),
    };
    padding.top += extra.top;
    padding.bottom += extra.bottom;
    padding.left += extra.left;
    padding.right += extra.right;
    graph.nodes[after].op = op;
    bypass(graph, index, source);
    Ok(())
}

/// True when the value comes out of a Relu.
fn is_never_negative(graph: &Graph, id: ValueId) -> bool {
    let Some(index) = graph.producer(id) else { return false };
    match graph.nodes[index].op.clone() {
        Op::Relu | Op::Relu6 => true,
        mut op => op.activation_mut().is_some_and(|activation| *activation != Activation::None),
    }
}
