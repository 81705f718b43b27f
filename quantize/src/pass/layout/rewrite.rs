//! The walk over the graph that carries transpositions along.

use std::collections::HashMap;

use super::form::{Form, columns, compose, conversion, cost, is_identity, keeps_order, moved, squeeze};
use super::may_permute_ports;
use crate::ir::{Elements, Graph, Node, Op, Port, Value, ValueId, infer, inverse, transposed};
use crate::op::rule::layout::{LastAxis, LayoutRule};
use crate::op::{Reshape, Transpose};
use crate::pass::edit::{add_instead, can_be_output};

/// The graph with transpositions carried to where they vanish or cost least, when input `i` is kept
/// permuted by `inputs[i]`.
pub(super) fn rewrite(old: &Graph, inputs: &[Option<Vec<usize>>]) -> Graph {
    let mut walk = Walk {
        graph: Graph { nodes: Vec::with_capacity(old.nodes.len()), ..old.clone() },
        kept: (0..old.values.len()).map(|index| Kept { id: ValueId(index as u32), form: Form::Straight }).collect(),
        made: HashMap::new(),
    };
    for (index, permutation) in inputs.iter().enumerate() {
        if let Some(permutation) = permutation {
            walk.permute_input(index, permutation);
        }
    }
    for node in &old.nodes {
        walk.visit(node);
    }
    for index in 0..old.outputs.len() {
        walk.output(index);
    }
    walk.graph
}

/// The value kept for one of the old graph.
#[derive(Clone, Debug)]
struct Kept {
    id: ValueId,
    form: Form,
}

struct Walk {
    /// The new graph; values have the old one's ids, and the shape in which they are kept.
    graph: Graph,
    /// By the old graph's ids.
    kept: Vec<Kept>,
    /// Transpositions made real, by what they transpose and how.
    made: HashMap<(ValueId, Vec<usize>), ValueId>,
}

impl Walk {
    fn kept(&self, id: ValueId) -> Kept {
        self.kept[id.0 as usize].clone()
    }

    fn shape(&self, id: ValueId) -> Vec<usize> {
        self.graph.value(id).shape.clone()
    }

    fn permute_input(&mut self, index: usize, permutation: &[usize]) {
        let port = &mut self.graph.inputs[index];
        port.permutation = port_permutation(port, permutation);
        let id = port.value;
        let shape = self.shape(id);
        self.graph.value_mut(id).shape = permutation.iter().map(|&axis| shape[axis]).collect();
        self.kept[id.0 as usize].form = Form::permuted(inverse(permutation));
    }

    fn output(&mut self, index: usize) {
        let value = self.graph.outputs[index].value;
        let Kept { id, form } = self.kept(value);
        let (id, permutation) = match form {
            Form::Permuted(permutation)
                if may_permute_ports(&self.graph, permutation.len()) && can_be_output(&self.graph, id) =>
            {
                (id, Some(inverse(&permutation)))
            }
            _ => (self.straight(value), None),
        };
        // Everything between an input and this output may have vanished. A copy stays: a graph that hands
        // out its input has nothing to run.
        let id = if can_be_output(&self.graph, value) && !can_be_output(&self.graph, id) {
            self.insert(id, Op::Reshape(Reshape), self.shape(id))
        } else {
            id
        };
        let port = &mut self.graph.outputs[index];
        port.value = id;
        if let Some(permutation) = permutation {
            port.permutation = port_permutation(port, &permutation);
        }
    }

    /// Adds `node` with operands `inputs` of the new graph; its results are kept in `form`.
    fn emit(&mut self, node: &Node, op: Op, inputs: Vec<ValueId>, form: Form) {
        if let Ok(shapes) = infer(&self.graph, &op, &inputs) {
            for (&id, shape) in node.outputs.iter().zip(shapes) {
                // A reshape's is not determined by its operand.
                let declared = &mut self.graph.value_mut(id).shape;
                if !op.operator().may_have_shape(&shape, declared) {
                    *declared = shape;
                }
            }
        }
        self.graph.nodes.push(Node { op, inputs, ..node.clone() });
        for &id in &node.outputs {
            self.kept[id.0 as usize] = Kept { id, form: form.clone() };
        }
    }

    /// Adds a reshape to `shape` under `node`'s name and output.
    fn emit_reshape(&mut self, node: &Node, input: ValueId, shape: Vec<usize>, form: Form) {
        self.graph.value_mut(node.output()).shape = shape;
        self.emit(node, Op::Reshape(Reshape), vec![input], form);
    }

    /// Adds a node of our own.
    fn insert(&mut self, like: ValueId, op: Op, shape: Vec<usize>) -> ValueId {
        let source = self.graph.value(like);
        let name = format!("{}/layout", source.name);
        let unique = self.graph.unique_name(&name);
        let value = Value { name: unique, shape, elements: None, ..source.clone() };
        let output = self.graph.add_value(value);
        self.graph.nodes.push(Node { name, op, inputs: vec![like], outputs: vec![output] });
        output
    }

    /// `id` transposed; a reshape does when no element moves.
    fn transpose(&mut self, id: ValueId, permutation: Vec<usize>) -> ValueId {
        if is_identity(&permutation) {
            return id;
        }
        if let Some(&made) = self.made.get(&(id, permutation.clone())) {
            return made;
        }
        let old = self.shape(id);
        let shape: Vec<usize> = permutation.iter().map(|&axis| old[axis]).collect();
        let op = if keeps_order(&old, &permutation) {
            Op::Reshape(Reshape)
        } else {
            Transpose { permutation: permutation.clone() }.into()
        };
        let made = self.insert(id, op, shape);
        self.made.insert((id, permutation), made);
        made
    }

    /// The old graph's value itself.
    fn straight(&mut self, value: ValueId) -> ValueId {
        let Kept { id, form } = self.kept(value);
        match form {
            Form::Straight => id,
            Form::Permuted(permutation) => self.transpose(id, permutation),
            Form::Columns { shape, permutation } => {
                let flat = self.shape(id);
                let image = self.insert(id, Op::Reshape(Reshape), shape);
                let image = self.transpose(image, permutation);
                let flat = self.insert(image, Op::Reshape(Reshape), flat);
                self.kept[value.0 as usize] = Kept { id: flat, form: Form::Straight };
                flat
            }
        }
    }

    /// The old graph's value, kept transposed by `target`.
    fn in_form(&mut self, value: ValueId, target: &[usize]) -> ValueId {
        if let Some(constant) = self.constant_in_form(value, target) {
            return constant;
        }
        let id = self.straight_unless_permuted(value);
        let from = self.kept(value).form.permutation(target.len()).unwrap_or_else(|| (0..target.len()).collect());
        self.transpose(id, conversion(&from, target))
    }

    /// The kept value, after making columns straight.
    fn straight_unless_permuted(&mut self, value: ValueId) -> ValueId {
        match self.kept(value) {
            Kept { form: Form::Columns { .. }, .. } => self.straight(value),
            Kept { id, .. } => id,
        }
    }

    /// A constant permuted on the spot, with axes of extent 1 in front when it has fewer than `target`.
    fn constant_in_form(&mut self, value: ValueId, target: &[usize]) -> Option<ValueId> {
        let constant = self.graph.value(value);
        let elements = constant.elements.as_ref()?;
        let missing = target.len().checked_sub(constant.shape.len())?;
        if is_identity(target) {
            return Some(value);
        }
        let shape: Vec<usize> = core::iter::repeat_n(1, missing).chain(constant.shape.iter().copied()).collect();
        let back = inverse(target);
        let order = transposed(&(0..elements.len()).collect::<Vec<_>>(), &shape, &back);
        let elements = Elements::gather(&[elements], order.into_iter().map(|at| (0, at)))?;
        let shape = back.iter().map(|&axis| shape[axis]).collect();
        let (name, quantization) = (constant.name.clone(), constant.quantization.clone());
        let id = self.graph.add_constant(&name, shape, elements);
        self.graph.value_mut(id).quantization = quantization;
        Some(id)
    }

    fn visit(&mut self, node: &Node) {
        let Some(&x) = node.inputs.first() else {
            return self.emit(node, node.op.clone(), Vec::new(), Form::Straight);
        };
        let mut op = node.op.clone();
        match op.operator_mut().layout() {
            // Codes that are called by another scale are another value.
            LayoutRule::Transposes(_) if self.renames_codes(node) => self.fixed(node, op),
            LayoutRule::Transposes(permutation) => self.carry(node, x, permutation),
            LayoutRule::Reshapes => self.reshape(node, x),
            LayoutRule::Elementwise => {
                let Kept { id, form } = self.kept(x);
                self.emit(node, op, vec![id], form);
            }
            LayoutRule::Broadcast => self.broadcast(node, op),
            LayoutRule::Axes(attributes) => {
                let target = self.common_form(&node.inputs, self.shape(self.kept(x).id).len());
                let inputs = node.inputs.iter().map(|&id| self.in_form(id, &target)).collect();
                let form = Form::permuted(attributes.follow(&target));
                self.emit(node, op, inputs, form);
            }
            LayoutRule::LastAxis(rule) => self.along_last_axis(node, op, &rule),
            LayoutRule::Fixed => self.fixed(node, op),
        }
    }

    /// An operator that insists on its own layout.
    fn fixed(&mut self, node: &Node, op: Op) {
        let inputs = node.inputs.iter().map(|&id| self.straight(id)).collect();
        self.emit(node, op, inputs, Form::Straight);
    }

    fn renames_codes(&self, node: &Node) -> bool {
        let [x, y] = [node.inputs[0], node.output()].map(|id| self.graph.value(id));
        x.quantization != y.quantization
    }

    /// A transposition is not computed but remembered.
    fn carry(&mut self, node: &Node, x: ValueId, permutation: &[usize]) {
        let id = self.straight_unless_permuted(x);
        let Kept { form, .. } = self.kept(x);
        let before = form.permutation(permutation.len()).unwrap_or_else(|| (0..permutation.len()).collect());
        self.kept[node.output().0 as usize] = Kept { id, form: Form::permuted(compose(&before, permutation)) };
    }

    /// Operators on elements take any form that all operands can be had in; the cheapest is chosen.
    fn common_form(&self, inputs: &[ValueId], rank: usize) -> Vec<usize> {
        let computed: Vec<ValueId> =
            inputs.iter().copied().filter(|&id| self.graph.value(id).elements.is_none()).collect();
        let forms: Vec<Vec<usize>> = computed
            .iter()
            .map(|&id| self.kept(id).form.permutation(rank).unwrap_or_else(|| (0..rank).collect()))
            .collect();
        let total = |target: &Vec<usize>| -> usize {
            let costs = computed.iter().zip(&forms);
            costs.map(|(&id, form)| cost(&self.shape(self.kept(id).id), &conversion(form, target))).sum()
        };
        // Among equals one that is not straight: it came from a convolution, and probably goes to one.
        let best = forms.iter().min_by_key(|form| (total(form), is_identity(form)));
        best.cloned().unwrap_or_else(|| (0..rank).collect())
    }

    fn broadcast(&mut self, node: &Node, op: Op) {
        if self.broadcast_columns(node, &op) {
            return;
        }
        let target = self.common_form(&node.inputs, self.old_rank(node));
        let inputs = node.inputs.iter().map(|&id| self.in_form(id, &target)).collect();
        self.emit(node, op, inputs, Form::permuted(target));
    }

    /// The number of axes of the node's result: forms change the order of axes, never their number.
    fn old_rank(&self, node: &Node) -> usize {
        self.graph.value(node.output()).shape.len()
    }

    /// Columns with a constant, or with columns permuted alike.
    fn broadcast_columns(&mut self, node: &Node, op: &Op) -> bool {
        let &[a, b] = node.inputs.as_slice() else { return false };
        let (kept_a, kept_b) = (self.kept(a), self.kept(b));
        let Form::Columns { shape, permutation } = &kept_a.form else { return false };
        let order = columns(shape, permutation);
        let operand = match self.graph.value(b) {
            _ if kept_b.form == kept_a.form => kept_b.id,
            Value { elements: Some(Elements::F32(floats)), shape, name, .. } if shape.last() == Some(&order.len()) => {
                let (name, shape, floats) = (name.clone(), shape.clone(), moved(floats, &order));
                self.graph.add_constant(&name, shape, Elements::F32(floats))
            }
            Value { elements: Some(elements), .. } if elements.len() == 1 => b,
            _ => return false,
        };
        self.emit(node, op.clone(), vec![kept_a.id, operand], kept_a.form);
        true
    }

    fn reshape(&mut self, node: &Node, x: ValueId) {
        let target = self.shape(node.output());
        let Kept { id, form } = self.kept(x);
        let Form::Permuted(permutation) = form else {
            let id = self.straight(x);
            return self.emit_reshape(node, id, target, Form::Straight);
        };
        let shape = self.shape(id);
        let old: Vec<usize> = permutation.iter().map(|&axis| shape[axis]).collect();
        if keeps_order(&shape, &permutation) {
            self.emit_reshape(node, id, target, Form::Straight);
        } else if let Some((kept_shape, permutation)) = squeeze(&old, &permutation, &target) {
            self.emit_reshape(node, id, kept_shape, Form::permuted(permutation));
        } else if target.len() == 2 && target[0] == shape[0] && permutation[0] == 0 {
            self.emit_reshape(node, id, target, Form::Columns { shape, permutation });
        } else {
            let id = self.straight(x);
            self.emit_reshape(node, id, target, Form::Straight);
        }
    }

    /// Softmax, batch normalisation and dense layers work along the last axis, whatever the order of the
    /// others; and a permutation of the last axis itself can go into their parameters.
    fn along_last_axis(&mut self, node: &Node, op: Op, rule: &LastAxis) {
        let (x, parameters) = (node.inputs[0], &node.inputs[1..]);
        let Kept { id, form } = self.kept(x);
        match &form {
            Form::Permuted(permutation) if permutation.last() != Some(&(permutation.len() - 1)) => self.fixed(node, op),
            Form::Straight | Form::Permuted(_) => {
                let inputs = [id].into_iter().chain(parameters.iter().copied()).collect();
                self.emit(node, op, inputs, form);
            }
            Form::Columns { shape, permutation } => {
                let order = columns(shape, permutation);
                let moving = rule.moving.min(parameters.len());
                let Some(mut inputs) = self.moved_constants(&parameters[..moving], &order) else {
                    return self.fixed(node, op);
                };
                inputs.insert(0, id);
                inputs.extend_from_slice(&parameters[moving..]);
                self.emit(node, op, inputs, if rule.keeps_columns { form } else { Form::Straight });
            }
        }
    }

    /// Float constants with their last axis permuted; `None` when one is computed.
    fn moved_constants(&mut self, ids: &[ValueId], order: &[usize]) -> Option<Vec<ValueId>> {
        let floats: Vec<Vec<f32>> =
            ids.iter().map(|&id| Some(moved(self.graph.constant_f32(id)?, order))).collect::<Option<_>>()?;
        let constants = ids.iter().zip(floats).map(|(&id, floats)| {
            let (name, shape) = (self.graph.value(id).name.clone(), self.shape(id));
            add_instead(&mut self.graph, id, &name, shape, floats)
        });
        Some(constants.collect())
    }
}

/// A port's permutation after its value's axes are permuted once more.
fn port_permutation(port: &Port, permutation: &[usize]) -> Option<Vec<usize>> {
    let composed = match &port.permutation {
        None => permutation.to_vec(),
        Some(before) => compose(before, permutation),
    };
    (!is_identity(&composed)).then_some(composed)
}
