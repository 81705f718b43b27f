//! Conv2D, DepthwiseConv2D, FullyConnected.

use kinglet_blob::constants::{ConstantsI8, EXTRA_SHIFTS, NO_BIAS, PER_TENSOR, SHORT_BIAS, SHORT_FACTORS, ZERO_POINTS};
use kinglet_blob::records::{
    Conv2dF32, Conv2dI8, FullyConnectedF32, FullyConnectedI8, HybridConv2d, LayerQuant, Window,
};
use kinglet_blob::{Field, OpCode, WeightForm};
use kinglet_kernels::numerics::{ClampF32, OutputStage, Requant};
use kinglet_kernels::packing::{DepthwisePacking, Packing, Sparse, Storage, Taps};
use kinglet_kernels::{Io, Token};
use kinglet_kernels::{conv2d, depthwise, fully_connected};

use super::{batch_lens, each_image, geometry, read_f32, read_i8, unary_f32, unary_i8, write_f32, write_i8};
use crate::Program;
use crate::program::Apply;

/// How a layer's factors are stored.
#[derive(Clone, Copy, Debug, Default)]
pub struct Factors {
    /// One for all channels.
    pub per_tensor: bool,
    /// With extra shifts.
    pub extra: bool,
    /// In 16 bits, as biases are then.
    pub short: bool,
}

/// In which order the weights of a layer stand, and in how many bits.
#[derive(Clone, Copy, Debug)]
pub struct Form<P = Packing> {
    packing: P,
    storage: Storage,
}

macro_rules! form {
    ($Packing:ty) => {
        impl From<$Packing> for Form<$Packing> {
            fn from(packing: $Packing) -> Self {
                Form { packing, storage: Storage::Bits8 }
            }
        }

        impl From<($Packing, Storage)> for Form<$Packing> {
            fn from((packing, storage): ($Packing, Storage)) -> Self {
                Form { packing, storage }
            }
        }

        impl From<Form<$Packing>> for WeightForm {
            fn from(Form { packing, storage }: Form<$Packing>) -> Self {
                WeightForm { packing: packing as u8, storage: storage as u8 }
            }
        }
    };
}
form!(Packing);
form!(DepthwisePacking);

impl From<Storage> for Form {
    fn from(storage: Storage) -> Self {
        Form { packing: Packing::RowMajor, storage }
    }
}

/// An int8 layer's constants as the references take them.
pub(super) struct Constants {
    pub(super) weights: Vec<i8>,
    pub(super) bias: Vec<i32>,
    pub(super) words: Vec<u32>,
    pub(super) extra: Vec<u8>,
    pub(super) quant: LayerQuant,
}

impl Constants {
    /// With weights that the storage holds.
    fn narrowed(mut self, storage: Storage) -> Self {
        if storage == Storage::Sparse {
            // The even ones go.
            self.weights.iter_mut().filter(|weight| **weight % 2 == 0).for_each(|weight| *weight = 0);
        }
        self.weights.iter_mut().for_each(|weight| *weight >>= 8 - storage.bits());
        self
    }

    /// Bytes of scratch for what is short.
    fn lengthened(&self) -> usize {
        ConstantsI8::lengthened_bytes(self.bias.len(), self.quant.flags)
    }

    pub(super) fn requant(&self) -> Requant<'_> {
        Requant { words: &self.words, shift_base: self.quant.shift_base.into(), extra: &self.extra }
    }

    pub(super) fn stage(&self) -> OutputStage {
        let LayerQuant { zero_point, min, max, .. } = self.quant;
        OutputStage { zero_point: zero_point.into(), min: min.into(), max: max.into() }
    }
}

/// Packed weights as they are stored.
fn without_zeros(storage: Storage, sparse: Sparse, packed: Vec<i8>) -> Vec<i8> {
    if storage == Storage::Sparse { sparse.encode(&packed).collect() } else { packed }
}

impl Program {
    /// Random constants for `outputs` channels of `taps` weights.
    pub(super) fn constants_i8(&mut self, outputs: usize, taps: usize, factors: Factors) -> Constants {
        let random = &mut self.random;
        let words = if factors.per_tensor { 1 } else { outputs };
        let (bias_mask, word_mask) = if factors.short { (!7, !0xffff) } else { (!0, !0) };
        let mut weights = vec![0i8; outputs * taps];
        random.fill(&mut weights);
        weights.iter_mut().for_each(|weight| *weight = (*weight).max(-127));
        let quant = LayerQuant {
            shift_base: -11,
            padding_value: random.range(-128, 127) as i8,
            zero_point: random.range(-20, 20) as i8,
            min: -100,
            max: 120,
            flags: if factors.per_tensor { PER_TENSOR } else { 0 }
                | if factors.extra { EXTRA_SHIFTS } else { 0 }
                | if factors.short { SHORT_BIAS | SHORT_FACTORS } else { 0 },
            bias_shift: if factors.short { 3 } else { 0 },
        };
        Constants {
            weights,
            bias: (0..outputs).map(|_| random.range(-3000, 3000) & bias_mask).collect(),
            words: (0..words)
                .map(|_| Requant::pack((random.next() >> 2) as i32 | 1 << 30, random.next() & 3) & word_mask)
                .collect(),
            extra: (0..if factors.extra { words } else { 0 }).map(|_| random.range(0, 2) as u8).collect(),
            quant,
        }
    }

    /// Puts constants into WEIGHTS with the weights in the order `packed`.
    pub(super) fn store(&mut self, constants: &Constants, packed: &[i8]) -> u32 {
        let mut bytes = Vec::new();
        let flags = constants.quant.flags;
        for bias in &constants.bias {
            if flags & SHORT_BIAS != 0 {
                bytes.extend(((bias >> constants.quant.bias_shift) as i16).to_le_bytes());
            } else {
                bias.put(&mut bytes);
            }
        }
        for word in &constants.words {
            if flags & SHORT_FACTORS != 0 {
                bytes.extend(((word >> 16) as u16).to_le_bytes());
            } else {
                word.put(&mut bytes);
            }
        }
        bytes.extend_from_slice(&constants.extra);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(packed.iter().map(|&weight| weight as u8));
        self.constants(&bytes)
    }

    /// Random floats in WEIGHTS: `outputs` biases, then `weight_len` weights.
    pub(super) fn constants_f32(&mut self, outputs: usize, weight_len: usize) -> (u32, Vec<f32>, Vec<f32>) {
        let random = &mut self.random;
        let all: Vec<f32> = (0..outputs + weight_len).map(|_| random.range(-999, 999) as f32 / 700.0).collect();
        let bytes: Vec<u8> = all.iter().flat_map(|value| value.to_le_bytes()).collect();
        let (bias, weights) = all.split_at(outputs);
        (self.constants(&bytes), bias.to_vec(), weights.to_vec())
    }

    /// Conv2D, int8.
    pub fn conv2d_i8(&mut self, input: u32, output: u32, window: Window, form: impl Into<Form>, factors: Factors) {
        let form @ Form { packing, storage } = form.into();
        let geometry = geometry(&window, window.groups.into());
        let (outputs, taps) = (geometry.output[2], geometry.taps());
        let layer = self.constants_i8(outputs, taps, factors).narrowed(storage);
        let mut packed = vec![0; packing.weight_len(storage, outputs, taps)];
        packing.pack(storage, outputs, geometry.runs(), &layer.weights, &mut packed);
        let packed = without_zeros(storage, packing.sparse(outputs, taps), packed);
        let constants = self.store(&layer, &packed);
        let scratch = self.memory(conv2d::conv2d_i8_scratch_len(&geometry, packing, storage) + layer.lengthened());
        let record = Conv2dI8 { constants, window, quant: layer.quant };
        let reference: Apply = Box::new(move |arena| {
            let params = conv2d::Conv2dI8 {
                geometry,
                padding_value: layer.quant.padding_value,
                stage: layer.stage(),
                packing: Packing::RowMajor,
                storage: Storage::Bits8,
                weights: &layer.weights,
                bias: &layer.bias,
                requant: layer.requant(),
                token: Token::PLAIN,
            };
            let images = read_i8(arena, input, batch_lens(&window).0);
            let run = |from: &[i8], to: &mut [i8]| conv2d::conv2d_i8_reference(&params, &mut Io::split(from, to));
            write_i8(arena, output, &each_image(&window, &images, run));
        });
        let operands = unary_i8(input, output).with_scratch(scratch);
        self.push_packed(OpCode::Conv2d, form.into(), &operands, &record, reference);
    }

    /// Conv2D, float.
    pub fn conv2d_f32(&mut self, input: u32, output: u32, window: Window) {
        let geometry = geometry(&window, window.groups.into());
        let outputs = geometry.output[2];
        let (constants, bias, weights) = self.constants_f32(outputs, outputs * geometry.taps());
        let clamp = ClampF32 { min: -3.0, max: 6.0 };
        let (min, max) = (clamp.min, clamp.max);
        let record = Conv2dF32 { constants, window, min, max };
        let reference: Apply = Box::new(move |arena| {
            let params = conv2d::Conv2dF32 { geometry, clamp, weights: &weights, bias: &bias, token: Token::PLAIN };
            let images = read_f32(arena, input, batch_lens(&window).0);
            let run = |from: &[f32], to: &mut [f32]| conv2d::conv2d_f32_reference(&params, &mut Io::split(from, to));
            write_f32(arena, output, &each_image(&window, &images, run));
        });
        self.push(OpCode::Conv2d, &unary_f32(input, output), &record, reference);
    }

    /// Conv2D of floats with integer weights in `storage`, whose flags say what their scales are.
    pub fn conv2d_hybrid(&mut self, input: u32, output: u32, window: Window, storage: Storage, flags: u8) {
        let geometry = geometry(&window, window.groups.into());
        let outputs = geometry.output[2];
        let scales = if flags & PER_TENSOR != 0 { 1 } else { outputs };
        let mut floats =
            |count: usize| -> Vec<f32> { (0..count).map(|_| self.random.range(-100, 100) as f32 / 64.0).collect() };
        let (bias, scales) = (floats(if flags & NO_BIAS != 0 { 0 } else { outputs }), floats(scales));
        let weight_len = storage.bytes(outputs * geometry.taps());
        let mut codes = |count: usize| -> Vec<i8> { (0..count).map(|_| self.random.range(-128, 127) as i8).collect() };
        let weights = codes(weight_len);
        let zero_points = codes(if flags & ZERO_POINTS != 0 { scales.len() } else { 0 });
        let mut bytes: Vec<u8> = bias.iter().chain(&scales).flat_map(|real| real.to_le_bytes()).collect();
        bytes.extend(weights.iter().chain(&zero_points).map(|&code| code as u8));
        let constants = self.constants(&bytes);
        let clamp = ClampF32 { min: -300.0, max: 600.0 };
        let record = HybridConv2d { constants, window, min: clamp.min, max: clamp.max, flags, reserved: [0; 3] };
        let reference: Apply = Box::new(move |arena| {
            let params = conv2d::Conv2dHybrid {
                geometry,
                clamp,
                storage,
                weights: &weights,
                scales: &scales,
                zero_points: &zero_points,
                bias: &bias,
            };
            let images = read_f32(arena, input, batch_lens(&window).0);
            let run = |from: &[f32], to: &mut [f32]| conv2d::conv2d_hybrid_reference(&params, &mut Io::split(from, to));
            write_f32(arena, output, &each_image(&window, &images, run));
        });
        let form = WeightForm { packing: 0, storage: storage as u8 };
        self.push_packed(OpCode::HybridConv2d, form, &unary_f32(input, output), &record, reference);
    }

    /// DepthwiseConv2D, int8; `window.groups` is the multiplier.
    pub fn depthwise_i8(
        &mut self,
        input: u32,
        output: u32,
        window: Window,
        form: impl Into<Form<DepthwisePacking>>,
        factors: Factors,
    ) {
        let form @ Form { packing, storage } = form.into();
        let geometry = geometry(&window, window.input[2].into());
        let multiplier = usize::from(window.groups);
        let (outputs, area) = (geometry.output[2], geometry.taps());
        let layer = self.constants_i8(outputs, area, factors).narrowed(storage);
        let mut packed = vec![0; packing.weight_len(storage, outputs, area)];
        packing.pack(storage, outputs, area, &layer.weights, &mut packed);
        let packed = without_zeros(storage, packing.sparse(outputs, area), packed);
        let constants = self.store(&layer, &packed);
        let scratch = self
            .memory(depthwise::depthwise_i8_scratch_len(&geometry, multiplier, packing, storage) + layer.lengthened());
        let record = Conv2dI8 { constants, window, quant: layer.quant };
        let reference: Apply = Box::new(move |arena| {
            let params = depthwise::DepthwiseI8 {
                geometry,
                multiplier,
                padding_value: layer.quant.padding_value,
                stage: layer.stage(),
                packing: DepthwisePacking::RowMajor,
                storage: Storage::Bits8,
                weights: &layer.weights,
                bias: &layer.bias,
                requant: layer.requant(),
                token: Token::PLAIN,
            };
            let images = read_i8(arena, input, batch_lens(&window).0);
            let run = |from: &[i8], to: &mut [i8]| depthwise::depthwise_i8_reference(&params, &mut Io::split(from, to));
            write_i8(arena, output, &each_image(&window, &images, run));
        });
        let operands = unary_i8(input, output).with_scratch(scratch);
        self.push_packed(OpCode::Depthwise, form.into(), &operands, &record, reference);
    }

    /// DepthwiseConv2D, float; `window.groups` is the multiplier.
    pub fn depthwise_f32(&mut self, input: u32, output: u32, window: Window) {
        let geometry = geometry(&window, window.input[2].into());
        let multiplier = usize::from(window.groups);
        let outputs = geometry.output[2];
        let (constants, bias, weights) = self.constants_f32(outputs, outputs * geometry.taps());
        let clamp = ClampF32 { min: f32::NEG_INFINITY, max: f32::INFINITY };
        let (min, max) = (clamp.min, clamp.max);
        let record = Conv2dF32 { constants, window, min, max };
        let reference: Apply = Box::new(move |arena| {
            let params = depthwise::DepthwiseF32 {
                geometry,
                multiplier,
                clamp,
                weights: &weights,
                bias: &bias,
                token: Token::PLAIN,
            };
            let images = read_f32(arena, input, batch_lens(&window).0);
            let run =
                |from: &[f32], to: &mut [f32]| depthwise::depthwise_f32_reference(&params, &mut Io::split(from, to));
            write_f32(arena, output, &each_image(&window, &images, run));
        });
        self.push(OpCode::Depthwise, &unary_f32(input, output), &record, reference);
    }

    /// FullyConnected, int8, of shape `[rows, taps, outputs]`.
    pub fn fully_connected_i8(
        &mut self,
        input: u32,
        output: u32,
        [rows, taps, outputs]: [usize; 3],
        form: impl Into<Form>,
        factors: Factors,
    ) {
        let form @ Form { packing, storage } = form.into();
        let layer = self.constants_i8(outputs, taps, factors).narrowed(storage);
        let mut packed = vec![0; packing.weight_len(storage, outputs, taps)];
        packing.pack(storage, outputs, Taps::flat(taps), &layer.weights, &mut packed);
        let packed = without_zeros(storage, packing.sparse(outputs, taps), packed);
        let constants = self.store(&layer, &packed);
        let scratch = self.memory(
            fully_connected::fully_connected_i8_scratch_len([rows, taps, outputs], packing, storage)
                + layer.lengthened(),
        );
        let [rows_u32, taps_u32, outputs_u32] = [rows, taps, outputs].map(|extent| extent as u32);
        let record =
            FullyConnectedI8 { constants, rows: rows_u32, taps: taps_u32, outputs: outputs_u32, quant: layer.quant };
        let reference: Apply = Box::new(move |arena| {
            let params = fully_connected::FullyConnectedI8 {
                rows,
                taps,
                outputs,
                stage: layer.stage(),
                packing: Packing::RowMajor,
                storage: Storage::Bits8,
                weights: &layer.weights,
                bias: &layer.bias,
                requant: layer.requant(),
                token: Token::PLAIN,
            };
            let (from, mut to) = (read_i8(arena, input, rows * taps), vec![0; rows * outputs]);
            fully_connected::fully_connected_i8_reference(&params, &mut Io::split(&from, &mut to));
            write_i8(arena, output, &to);
        });
        let operands = unary_i8(input, output).with_scratch(scratch);
        self.push_packed(OpCode::FullyConnected, form.into(), &operands, &record, reference);
    }

    /// FullyConnected, float, of shape `[rows, taps, outputs]`.
    pub fn fully_connected_f32(&mut self, input: u32, output: u32, [rows, taps, outputs]: [usize; 3]) {
        let (constants, bias, weights) = self.constants_f32(outputs, outputs * taps);
        let clamp = ClampF32 { min: 0.0, max: f32::INFINITY };
        let record = FullyConnectedF32 {
            constants,
            rows: rows as u32,
            taps: taps as u32,
            outputs: outputs as u32,
            min: clamp.min,
            max: clamp.max,
        };
        let reference: Apply = Box::new(move |arena| {
            let params = fully_connected::FullyConnectedF32 {
                rows,
                taps,
                outputs,
                clamp,
                weights: &weights,
                bias: &bias,
                token: Token::PLAIN,
            };
            let (from, mut to) = (read_f32(arena, input, rows * taps), vec![0.0; rows * outputs]);
            fully_connected::fully_connected_f32_reference(&params, &mut Io::split(&from, &mut to));
            write_f32(arena, output, &to);
        });
        self.push(OpCode::FullyConnected, &unary_f32(input, output), &record, reference);
    }
}
