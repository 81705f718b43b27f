//! One conversion for each operator.

use super::Importer;
use super::flatbuffer::Table;
use super::names::{self, nearest};
use super::schema::Operator;
use crate::import::build::{Convert, refuse};
use crate::ir::{Activation, Op, Padding, ValueId, Window};
use crate::op::{
    Add, AveragePool2D, Concat, Conv2D, DepthwiseConv2D, Dequantize, FullyConnected, Logistic, MaxPool2D, Mean, Mul,
    Pad, Quantize, Relu, Relu6, Reshape, Softmax, Tanh, TransposeConv2D,
};

const EXPORT_AGAIN: &str = "export the model again";

/// The operands that carry data; others of a reshape or a transposed convolution repeat the result's shape.
pub(super) fn data_operands<'o>(operator: &'o Operator<'_>) -> &'o [i32] {
    let inputs = operator.inputs.as_slice();
    match operator.code {
        names::RESHAPE | names::SQUEEZE | names::EXPAND_DIMS | names::STRIDED_SLICE | names::SLICE => {
            &inputs[..inputs.len().min(1)]
        }
        names::TRANSPOSE_CONV => &inputs[inputs.len().min(1)..],
        _ => inputs,
    }
}

/// Attributes of an operator; an absent table has every default.
pub(super) struct Options<'b>(Option<Table<'b>>);

impl Options<'_> {
    fn code(&self, slot: usize) -> Convert<i8> {
        Ok(self.0.map_or(Ok(0), |table| table.i8(slot))?)
    }

    pub(super) fn flag(&self, slot: usize) -> Convert<bool> {
        Ok(self.code(slot)? != 0)
    }

    pub(super) fn int(&self, slot: usize, default: i32) -> Convert<i32> {
        Ok(self.0.map_or(Ok(default), |table| table.i32(slot, default))?)
    }

    fn float(&self, slot: usize) -> Convert<f32> {
        Ok(self.0.map_or(Ok(0.0), |table| table.f32(slot))?)
    }

    /// A stride, size or dilation.
    fn extent(&self, slot: usize, default: i32, what: &str) -> Convert<usize> {
        let value = self.int(slot, default)?;
        match usize::try_from(value) {
            Ok(extent) if extent > 0 => Ok(extent),
            _ => refuse(format!("{what} is {value}"), EXPORT_AGAIN),
        }
    }

    fn activation(&self, slot: usize) -> Convert<Activation> {
        let remedy = "use RELU, RELU6 or no fused activation";
        match self.code(slot)? {
            0 => Ok(Activation::None),
            1 => Ok(Activation::Relu),
            3 => Ok(Activation::Relu6),
            2 => refuse("fused activation RELU_N1_TO_1", remedy),
            4 => refuse("fused activation TANH", remedy),
            other => refuse(format!("fused activation with code {other}"), remedy),
        }
    }

    fn no_activation(&self, slot: usize) -> Convert<()> {
        match self.activation(slot)? {
            Activation::None => Ok(()),
            _ => refuse("an activation is fused into it", "use a RELU operator of its own"),
        }
    }
}

/// The type code of the attribute table that belongs to an operator; 0 when it has none we read.
fn options_type(code: i32) -> i8 {
    match code {
        names::CONV_2D => 1,
        names::DEPTHWISE_CONV_2D => 2,
        names::AVERAGE_POOL_2D | names::MAX_POOL_2D => 5,
        names::FULLY_CONNECTED => 8,
        names::SOFTMAX => 9,
        names::CONCATENATION => 10,
        names::ADD => 11,
        names::MUL => 21,
        names::MEAN => 27,
        names::STRIDED_SLICE => 32,
        names::SPLIT => 35,
        names::SPLIT_V => 79,
        names::TRANSPOSE_CONV => 49,
        _ => 0,
    }
}

/// Explicit padding of one axis for the file's SAME or VALID.
fn pad_axis(mode: i8, extent: usize, kernel: usize, stride: usize, dilation: usize) -> Convert<[usize; 2]> {
    match mode {
        1 => Ok([0, 0]),
        0 => {
            let reach = (kernel - 1).checked_mul(dilation).and_then(|reach| reach.checked_add(1));
            let covered = extent.div_ceil(stride).saturating_sub(1).checked_mul(stride);
            let total = reach.zip(covered).and_then(|(reach, covered)| reach.checked_add(covered));
            match total {
                Some(total) => {
                    let total = total.saturating_sub(extent);
                    // An odd row goes to the end, as TensorFlow has it.
                    Ok([total / 2, total - total / 2])
                }
                None => refuse("kernel is too large", "use a smaller kernel"),
            }
        }
        other => refuse(format!("padding with code {other}"), "use SAME or VALID"),
    }
}

/// A sliding window: kernel, stride and dilation along height and width.
struct Slide {
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
}

impl Slide {
    fn padding(&self, mode: i8, input: &[usize]) -> Convert<Padding> {
        let &[_, height, width, _] = input else {
            return refuse(format!("operand has shape {input:?}"), "4 axes [N, H, W, C] are needed");
        };
        let [top, bottom] = pad_axis(mode, height, self.kernel[0], self.stride[0], self.dilation[0])?;
        let [left, right] = pad_axis(mode, width, self.kernel[1], self.stride[1], self.dilation[1])?;
        Ok(Padding { top, bottom, left, right })
    }
}

impl<'b> Importer<'_, 'b> {
    /// Converts one operator under the node name `name`.
    pub(super) fn convert(&mut self, operator: &Operator<'b>, name: &str) -> Convert<()> {
        let expected = options_type(operator.code);
        let options = if expected == 0 { None } else { operator.options };
        if options.is_some() && operator.options_type != expected {
            return refuse(format!("attributes of type {}", operator.options_type), EXPORT_AGAIN);
        }
        let options = Options(options);
        match operator.code {
            names::CONV_2D => self.conv2d(operator, &options, name),
            names::DEPTHWISE_CONV_2D => self.depthwise(operator, &options, name),
            names::TRANSPOSE_CONV => self.transpose_conv(operator, &options, name),
            names::FULLY_CONNECTED => self.fully_connected(operator, &options, name),
            names::AVERAGE_POOL_2D | names::MAX_POOL_2D => self.pool(operator, &options, name),
            names::ADD | names::MUL => self.elementwise(operator, &options, name),
            names::SOFTMAX => self.unary(operator, Op::Softmax(Softmax { beta: options.float(0)? }), name),
            names::RESHAPE | names::SQUEEZE | names::EXPAND_DIMS => self.unary(operator, Op::Reshape(Reshape), name),
            names::PAD => self.pad(operator, name),
            names::CONCATENATION => self.concat(operator, &options, name),
            names::STRIDED_SLICE => self.strided_slice(operator, &options, name),
            names::SLICE => self.slice(operator, name),
            names::SPLIT => self.split(operator, &options, name),
            names::SPLIT_V => self.split_v(operator, &options, name),
            names::MEAN => self.mean(operator, &options, name),
            names::RELU => self.unary(operator, Op::Relu(Relu), name),
            names::RELU6 => self.unary(operator, Op::Relu6(Relu6), name),
            names::LOGISTIC => self.unary(operator, Op::Logistic(Logistic), name),
            names::TANH => self.unary(operator, Op::Tanh(Tanh), name),
            names::QUANTIZE => self.unary(operator, Op::Quantize(Quantize), name),
            names::DEQUANTIZE => self.unary(operator, Op::Dequantize(Dequantize), name),
            code => refuse("this operator is not supported", nearest(code)),
        }
    }

    /// Adds the node that computes the operator's one result.
    pub(super) fn finish(&mut self, operator: &Operator<'b>, op: Op, inputs: Vec<ValueId>, name: &str) -> Convert<()> {
        let output = self.result(operator)?;
        super::int8::check(&self.builder.graph, &op, output)?;
        self.add_rescaled(name, op, inputs, output)
    }

    /// The operator's one result.
    pub(super) fn result(&mut self, operator: &Operator<'b>) -> Convert<ValueId> {
        match operator.outputs.as_slice() {
            &[output] => self.value(output),
            outputs => refuse(format!("has {} results", outputs.len()), EXPORT_AGAIN),
        }
    }

    /// Operand `position`, which must be there.
    pub(super) fn operand(&mut self, operator: &Operator<'b>, position: usize) -> Convert<ValueId> {
        let tensor = operator.inputs.get(position).copied().unwrap_or(-1);
        self.value(tensor)
    }

    /// Charges the copy that reshaping a constant makes: ten thousand operators may share one.
    fn charge_copy(&self, id: ValueId) -> Convert<()> {
        let value = self.builder.graph.value(id);
        let len = if value.elements.is_some() { value.len() } else { 0 };
        Ok(self.model.budget.charge(len, value.dtype.size_bytes())?)
    }

    pub(super) fn shape_of(&self, id: ValueId) -> Vec<usize> {
        self.builder.graph.value(id).shape.clone()
    }

    fn unary(&mut self, operator: &Operator<'b>, op: Op, name: &str) -> Convert<()> {
        let x = self.operand(operator, 0)?;
        self.finish(operator, op, vec![x], name)
    }

    /// `x`, weights and the optional bias.
    fn weighted(&mut self, operator: &Operator<'b>) -> Convert<Vec<ValueId>> {
        self.weighted_at(operator, [0, 1, 2])
    }

    /// The same from these positions among the operands.
    fn weighted_at(&mut self, operator: &Operator<'b>, [x, weights, bias]: [usize; 3]) -> Convert<Vec<ValueId>> {
        let x = self.operand(operator, x)?;
        let weights = self.weights(operator.inputs.get(weights).copied().unwrap_or(-1), x)?;
        let mut inputs = vec![x, weights];
        if let Some(&bias) = operator.inputs.get(bias).filter(|&&bias| bias != -1) {
            let bias = self.weights(bias, x)?;
            // Old converters give it leading axes of one, which no kernel looks at.
            let len = self.builder.graph.value(bias).len();
            self.charge_copy(bias)?;
            inputs.push(self.builder.reshape("bias", bias, vec![len])?);
        }
        Ok(inputs)
    }

    fn conv2d(&mut self, operator: &Operator<'b>, options: &Options<'b>, name: &str) -> Convert<()> {
        let inputs = self.weighted(operator)?;
        let (x, w) = (self.shape_of(inputs[0]), self.shape_of(inputs[1]));
        let &[_, kernel_h, kernel_w, depth] = w.as_slice() else {
            return refuse(format!("weights have shape {w:?}"), "4 axes are needed");
        };
        let slide = Slide {
            kernel: [kernel_h, kernel_w],
            stride: [options.extent(2, 0, "stride")?, options.extent(1, 0, "stride")?],
            dilation: [options.extent(5, 1, "dilation")?, options.extent(4, 1, "dilation")?],
        };
        let op = Op::Conv2D(Conv2D {
            stride: slide.stride,
            dilation: slide.dilation,
            padding: slide.padding(options.code(0)?, &x)?,
            groups: x[3] / depth,
            activation: options.activation(3)?,
        });
        self.finish(operator, op, inputs, name)
    }

    fn depthwise(&mut self, operator: &Operator<'b>, options: &Options<'b>, name: &str) -> Convert<()> {
        let inputs = self.weighted(operator)?;
        let (x, w) = (self.shape_of(inputs[0]), self.shape_of(inputs[1]));
        let &[_, kernel_h, kernel_w, outputs] = w.as_slice() else {
            return refuse(format!("weights have shape {w:?}"), "4 axes are needed");
        };
        let slide = Slide {
            kernel: [kernel_h, kernel_w],
            stride: [options.extent(2, 0, "stride")?, options.extent(1, 0, "stride")?],
            dilation: [options.extent(6, 1, "dilation")?, options.extent(5, 1, "dilation")?],
        };
        let op = Op::DepthwiseConv2D(DepthwiseConv2D {
            stride: slide.stride,
            dilation: slide.dilation,
            padding: slide.padding(options.code(0)?, &x)?,
            multiplier: outputs / x[3],
            activation: options.activation(4)?,
        });
        self.finish(operator, op, inputs, name)
    }

    /// The first operand repeats the shape of the result, which is the one that the file declares.
    fn transpose_conv(&mut self, operator: &Operator<'b>, options: &Options<'b>, name: &str) -> Convert<()> {
        let inputs = self.weighted_at(operator, [2, 1, 3])?;
        let output = self.value(operator.outputs[0])?;
        let (w, y) = (self.shape_of(inputs[1]), self.shape_of(output));
        let (&[_, kernel_h, kernel_w, _], &[_, height, width, _]) = (w.as_slice(), y.as_slice()) else {
            return refuse(format!("weights have shape {w:?} and the result {y:?}"), "4 axes are needed");
        };
        // As if the result were convolved.
        let slide = Slide {
            kernel: [kernel_h, kernel_w],
            stride: [options.extent(2, 0, "stride")?, options.extent(1, 0, "stride")?],
            dilation: [1, 1],
        };
        let padding = slide.padding(options.code(0)?, &y)?;
        let op = Op::TransposeConv2D(TransposeConv2D {
            stride: slide.stride,
            pad: [padding.top, padding.left],
            size: [height, width],
            groups: 1,
            activation: options.activation(3)?,
        });
        self.finish(operator, op, inputs, name)
    }

    /// TensorFlow Lite flattens the operand to rows of the weights' depth when it has to.
    fn fully_connected(&mut self, operator: &Operator<'b>, options: &Options<'b>, name: &str) -> Convert<()> {
        if options.code(1)? != 0 {
            return refuse("weights are stored shuffled", "export with the default weights format");
        }
        let mut inputs = self.weighted(operator)?;
        let w = self.shape_of(inputs[1]);
        let &[outputs, depth] = w.as_slice() else {
            return refuse(format!("weights have shape {w:?}"), "2 axes are needed");
        };
        let output = self.result(operator)?;
        let x = self.shape_of(inputs[0]);
        let row_wise: Vec<usize> = x.iter().rev().skip(1).rev().copied().chain([outputs]).collect();
        if x.last() != Some(&depth) || self.shape_of(output) != row_wise {
            let rows = x.iter().product::<usize>() / depth;
            self.charge_copy(inputs[0])?;
            inputs[0] = self.builder.reshape(&format!("{name}/rows"), inputs[0], vec![rows, depth])?;
        }
        if let Some(&bias) = operator.inputs.get(2).filter(|&&bias| bias != -1) {
            super::int8::check_bias(&self.builder.graph, &self.tensor(bias)?.scales, &inputs, output)?;
        }
        self.finish(operator, Op::FullyConnected(FullyConnected { activation: options.activation(0)? }), inputs, name)
    }

    fn pool(&mut self, operator: &Operator<'b>, options: &Options<'b>, name: &str) -> Convert<()> {
        let x = self.operand(operator, 0)?;
        let slide = Slide {
            kernel: [options.extent(4, 0, "filter height")?, options.extent(3, 0, "filter width")?],
            stride: [options.extent(2, 0, "stride")?, options.extent(1, 0, "stride")?],
            dilation: [1, 1],
        };
        let padding = slide.padding(options.code(0)?, &self.shape_of(x))?;
        let window = Window { size: slide.kernel, stride: slide.stride, padding };
        let activation = options.activation(5)?;
        let op = match operator.code {
            names::MAX_POOL_2D => Op::MaxPool2D(MaxPool2D { window, activation }),
            _ => Op::AveragePool2D(AveragePool2D { window, activation }),
        };
        self.finish(operator, op, vec![x], name)
    }

    fn elementwise(&mut self, operator: &Operator<'b>, options: &Options<'b>, name: &str) -> Convert<()> {
        let operands = [self.operand(operator, 0)?, self.operand(operator, 1)?];
        let rank = operands.map(|id| self.builder.graph.value(id).shape.len()).into_iter().max().unwrap_or(0);
        for id in operands {
            let is_aligned = self.builder.graph.value(id).shape.len() == rank;
            if !is_aligned {
                self.charge_copy(id)?;
            }
        }
        let operands = self.builder.same_rank(name, operands)?;
        let activation = options.activation(0)?;
        let op = if operator.code == names::MUL { Op::Mul(Mul { activation }) } else { Op::Add(Add { activation }) };
        self.finish(operator, op, operands.to_vec(), name)
    }

    fn pad(&mut self, operator: &Operator<'b>, name: &str) -> Convert<()> {
        let x = self.operand(operator, 0)?;
        let amounts = self.integers(operator.inputs.get(1).copied().unwrap_or(-1), "paddings")?;
        let amounts: Option<Vec<usize>> = amounts.iter().map(|&amount| usize::try_from(amount).ok()).collect();
        let Some(amounts) = amounts else {
            return refuse("a padding is negative", "use paddings of zero and above");
        };
        let (pairs, []) = amounts.as_chunks::<2>() else {
            return refuse("paddings are not pairs", EXPORT_AGAIN);
        };
        let (before, after) = pairs.iter().map(|pair| (pair[0], pair[1])).unzip();
        self.finish(operator, Op::Pad(Pad { before, after, value: 0.0 }), vec![x], name)
    }

    fn concat(&mut self, operator: &Operator<'b>, options: &Options<'b>, name: &str) -> Convert<()> {
        options.no_activation(1)?;
        let inputs: Vec<ValueId> = operator.inputs.iter().map(|&tensor| self.value(tensor)).collect::<Convert<_>>()?;
        let rank = inputs.first().map_or(0, |&id| self.shape_of(id).len());
        let axis = normal_axis(i64::from(options.int(0, 0)?), rank)?;
        self.finish(operator, Op::Concat(Concat { axis }), inputs, name)
    }

    fn mean(&mut self, operator: &Operator<'b>, options: &Options<'b>, name: &str) -> Convert<()> {
        let x = self.operand(operator, 0)?;
        let rank = self.shape_of(x).len();
        let axes = self.integers(operator.inputs.get(1).copied().unwrap_or(-1), "axes")?;
        let mut axes: Vec<usize> = axes.iter().map(|&axis| normal_axis(axis, rank)).collect::<Convert<_>>()?;
        axes.sort_unstable();
        axes.dedup();
        self.finish(operator, Op::Mean(Mean { axes, keep_dims: options.flag(0)? }), vec![x], name)
    }
}

/// An axis counted from the front, from one that may count from the back.
pub(super) fn normal_axis(axis: i64, rank: usize) -> Convert<usize> {
    let counted = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
    match counted.and_then(|axis| usize::try_from(axis).ok()).filter(|&axis| axis < rank) {
        Some(axis) => Ok(axis),
        None => refuse(format!("axis {axis} of an operand with {rank} axes"), EXPORT_AGAIN),
    }
}
