//! Records of rows by indices of run time, of where the greatest elements are, of boxes, and of trees.

use kinglet_blob::records::{Detect, Gather, Rank, Scatter, Suppress, TreesF32, TreesI16};
use kinglet_blob::{DType, OpCode, Operand, Operands};

use crate::plan::Place;
use crate::record::{Addresses, Memory, extent, plain};

impl Memory {
    /// Gather, and Scatter with any update: operands in the arena or in WEIGHTS.
    pub(crate) fn rows(&self, kind: u8, dtype: u8, shape: [u8; 9], sources: u8, place: Place) -> Vec<u8> {
        let [batches, outer, a, b, c, d, count, inner, depth] = shape.map(|each| u32::from(extent(each, 4)));
        let depth = depth.min(4);
        let mut extents = [a, b, c, d];
        extents[..4 - depth as usize].fill(1);
        let rows = Gather { batches, outer, extents, depth, count, inner };
        let around = batches * outer * inner;
        let lens = [around * extents.iter().product::<u32>(), batches * count * depth, around * count];
        let dtype = DType::ALL[usize::from(dtype) % DType::ALL.len()];
        let is_scatter = kind & 1 == 1;
        let Addresses { input, output, scratch, constants, .. } =
            self.addresses(place, (lens[0], lens[if is_scatter { 0 } else { 2 }]), (4, 4));
        let operand = |index: usize, dtype: DType| match sources >> (2 * index) & 3 {
            0 => Operand::constant(dtype, constants),
            1 => Operand { offset: scratch, ..Operand::unplaced(dtype) },
            _ => Operand { offset: input, ..Operand::unplaced(dtype) },
        };
        let mut inputs = vec![operand(0, dtype), operand(1, DType::I32)];
        let outputs = vec![Operand { offset: output, ..Operand::unplaced(dtype) }];
        if !is_scatter {
            return plain(OpCode::Gather, &Operands { inputs, outputs, ..Operands::default() }, &rows);
        }
        inputs.push(operand(2, dtype));
        let record = Scatter { rows, update: kind / 2 % 6, reserved: [0; 3] };
        plain(OpCode::Scatter, &Operands { inputs, outputs, ..Operands::default() }, &record)
    }

    pub(crate) fn rank(&self, dtype: u8, shape: [u8; 4], order: [bool; 2], place: Place) -> Vec<u8> {
        let [outer, extent, inner, count] = shape.map(|each| u32::from(extent(each, 7)));
        let dtype = DType::ALL[usize::from(dtype) % DType::ALL.len()];
        let lens = (outer * extent * inner, outer * count * inner);
        let Addresses { input, output, .. } = self.addresses(place, lens, (dtype.size_bytes() as u32, 4));
        let [is_least, is_last] = order.map(u8::from);
        let record = Rank { outer, extent, inner, count, is_least, is_last, reserved: [0; 2] };
        plain(OpCode::Rank, &Operands::unary((dtype, input), (DType::I32, output)), &record)
    }

    /// Trees of random bytes.
    pub(crate) fn trees(&self, shape: [u8; 4], [nodes, leaf_rows, aggregate]: [u8; 3], place: Place) -> Vec<u8> {
        let [rows, features, targets, trees] = shape.map(|each| u32::from(extent(each, 5)));
        if aggregate >= 128 {
            let at = self.addresses(place, (rows * features, rows * targets), (2, 4));
            let record = TreesI16 {
                constants: at.constants,
                rows,
                features,
                targets,
                trees,
                nodes: u32::from(nodes % 8),
                leaf_rows: u32::from(leaf_rows % 4),
                feature_bits: aggregate % 17,
                reserved: [0; 3],
            };
            return plain(OpCode::Trees, &Operands::unary((DType::I16, at.input), (DType::I32, at.output)), &record);
        }
        let at = self.addresses(place, (rows * features, rows * targets), (4, 4));
        let record = TreesF32 {
            constants: at.constants,
            rows,
            features,
            targets,
            trees,
            nodes: u32::from(nodes % 8),
            leaf_rows: u32::from(leaf_rows % 4),
            aggregate: aggregate % 4,
            reserved: [0; 3],
        };
        plain(OpCode::Trees, &at.unary(DType::F32), &record)
    }

    /// Boxes in the arena, scores and anchors in WEIGHTS or in the arena.
    pub(crate) fn boxes(&self, detects: bool, shape: [u8; 6], flag: bool, bounds: [f32; 2], place: Place) -> Vec<u8> {
        let [a, b, c, d, e, f] = shape.map(|each| u32::from(extent(each, 5)));
        let [score_min, likeness_max] = bounds;
        let float = |offset: u32| Operand { offset, ..Operand::unplaced(DType::F32) };
        if !detects {
            let (batches, classes, count, limit) = (a, b, c, d);
            let at = self.addresses(place, (batches * count * 4, batches * classes * limit * 3), (4, 4));
            let scores = if flag { Operand::constant(DType::F32, at.constants) } else { float(at.scratch) };
            let outputs = vec![Operand { offset: at.output, ..Operand::unplaced(DType::I32) }];
            let is_centered = flag.into();
            let record =
                Suppress { batches, classes, count, limit, likeness_max, score_min, is_centered, reserved: [0; 3] };
            let operands = Operands { inputs: vec![float(at.input), scores], outputs, ..Operands::default() };
            return plain(OpCode::Suppress, &operands, &record);
        }
        let (count, columns, classes, limit, per_box, per_class) = (a, b, c, d, e, f);
        let at = self.addresses(place, (4 * count, 6 * limit * per_box + 1), (4, 4));
        let record = Detect {
            count,
            columns,
            classes,
            limit,
            per_box,
            per_class,
            score_min,
            likeness_max,
            scales: [10.0, 10.0, 5.0, 5.0],
            is_by_class: flag.into(),
            reserved: [0; 3],
        };
        let inputs = vec![float(at.input), float(at.scratch), Operand::constant(DType::F32, at.constants)];
        let operands = Operands { inputs, outputs: vec![float(at.output)], ..Operands::default() };
        plain(OpCode::Detect, &operands, &record)
    }
}
