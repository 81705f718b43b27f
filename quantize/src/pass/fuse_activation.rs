//! Lets the producer of a value apply the Relu, Relu6 or Clip that follows it.
//!
//! In a quantized graph only when the two have the same scale and zero point: the Relu then is a clamp at
//! the same numbers the producer would clamp at. With different ones it rounds a second time and must stay.

use super::edit::{bypass, sole_consumer};
use super::{Pass, PassError, PassReport};
use crate::ir::{Activation, Graph};

/// See the module's head.
pub(super) struct FuseActivation;

impl Pass for FuseActivation {
    fn name(&self) -> &'static str {
        "fuse-activation"
    }

    fn run(&self, graph: &mut Graph) -> Result<PassReport, PassError> {
        let mut report = PassReport::new(self.name());
        let mut index = 0;
        while index < graph.nodes.len() {
            let node = &graph.nodes[index];
            let Some(activation) = node.op.operator().as_activation() else {
                index += 1;
                continue;
            };
            let name = node.name.clone();
            match fuse(graph, index, activation) {
                Ok(()) => report.change(&name, "fused into its producer"),
                Err(why) => {
                    report.miss(&name, &why);
                    index += 1;
                }
            }
        }
        Ok(report)
    }
}

fn fuse(graph: &mut Graph, index: usize, activation: Activation) -> Result<(), String> {
    let node = &graph.nodes[index];
    let (source, output) = (node.inputs[0], node.output());
    let Some(before) = graph.producer(source) else {
        return Err("no node computes its operand".into());
    };
    let producer = &graph.nodes[before];
    if graph.value(source).quantization != graph.value(output).quantization {
        return Err(format!("it rescales the result of `{}`", producer.name));
    }
    if sole_consumer(graph, source) != Some(index) {
        return Err(format!("the result of `{}` is read elsewhere too", producer.name));
    }
    let mut op = producer.op.clone();
    let Some(fused) = op.operator_mut().activation_mut() else {
        return Err(format!("`{}` ({}) carries no activation", producer.name, producer.op.name()));
    };
    *fused = fused.then(activation);
    graph.nodes[before].op = op;
    bypass(graph, index, source);
    Ok(())
}
