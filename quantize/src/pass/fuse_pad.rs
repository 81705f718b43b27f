//! Lets a convolution or maximum do the zero padding that stands before it.
//!
//! Exact in quantized graphs too: the padding of both is the real value zero, a pad between equal scales moves codes
//! (with others it gives them another meaning, and stays), and the convolution's padding contributes `zero point - zero point` to its sums. A maximum ignores its
//! own padding, so it takes over zeros only where they cannot win: after a Relu. An average never does, as
//! its own padding does not count.

use super::edit::{bypass, sole_consumer};
use super::{Pass, PassError, PassReport};
use crate::ir::{Graph, Padding, ValueId};
use crate::op::common::window::lies_in_padding;
use crate::op::rule::rewrite::{Border, ZerosRule};

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
            let Some(border) = node.op.operator().border() else {
                index += 1;
                continue;
            };
            let name = node.name.clone();
            match planar(&border).and_then(|padding| fuse(graph, index, padding)) {
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
fn planar(border: &Border<'_>) -> Result<Padding, String> {
    let Border { before, after, value } = *border;
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
    if graph.value(source).quantization != graph.value(padded).quantization {
        return Err("its result has another scale".into());
    }
    let consumer = &graph.nodes[after];
    if consumer.inputs[0] != padded {
        return Err(format!("`{}` reads it as weights", consumer.name));
    }
    let mut op = consumer.op.clone();
    let padding = match op.operator_mut().zeros_rule() {
        ZerosRule::Count(padding) => padding,
        ZerosRule::Ignore(window) => {
            if !is_never_negative(graph, source) {
                return Err(format!("zeros could be the maximum in `{}`", consumer.name));
            }
            let mut padded = *window;
            add(&mut padded.padding, &extra);
            if lies_in_padding(&padded) {
                return Err(format!("a window of `{}` could lie in the padding altogether", consumer.name));
            }
            &mut window.padding
        }
        ZerosRule::Stay => {
            return Err(format!("`{}` ({}) does not pad with zeros", consumer.name, consumer.op.name()));
        }
    };
    add(padding, &extra);
    graph.nodes[after].op = op;
    bypass(graph, index, source);
    Ok(())
}

fn add(padding: &mut Padding, extra: &Padding) {
    padding.top += extra.top;
    padding.bottom += extra.bottom;
    padding.left += extra.left;
    padding.right += extra.right;
}

/// True when the value comes out of a Relu, or of other bounds that let nothing below zero through.
fn is_never_negative(graph: &Graph, id: ValueId) -> bool {
    graph.producer(id).is_some_and(|index| graph.nodes[index].op.operator().clamp().bounds().0 >= 0.0)
}
