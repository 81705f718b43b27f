//! Data at the edge of a model: from the user's files into the blob's tensors and back.
//!
//! Users give and get data in the source model's layout, as floats or in the blob's own type. The blob's own
//! layout (channels last) and quantization are an affair of this file.

use kinglet::{DType, Model};
use kinglet_kernels::quantize::Affine;
use serde::Serialize;

use crate::data::npy::{Array, ElementType};
use crate::data::{Input, Wanted};
use crate::emit::{Manifest, PortNote};
use crate::ir::{self, Graph, Value, inverse, is_permutation, transposed};
use crate::op::FeatureCode;
use crate::plain;

/// An input or output of a blob, with the source model's view of it.
#[derive(Clone, Debug, PartialEq)]
pub struct PortSpec {
    /// The source model's name.
    pub name: String,
    /// Element type in the blob.
    pub dtype: DType,
    /// Extents in the blob, none of them merged.
    pub shape: Vec<usize>,
    /// Extents in the source model.
    pub source_shape: Vec<usize>,
    /// Axis `i` of the blob's tensor is axis `permutation[i]` of the source's.
    pub permutation: Option<Vec<usize>>,
    /// Whether the source's tensor ends before the first row that begins with -1.
    pub ends_at_minus_one: bool,
    /// How the reals of each column become codes, where they have not one scale.
    pub columns: Vec<FeatureCode>,
    affine: Affine,
}

/// How an input's data fits the reals that its codes stand for. The field names are the JSON's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InputUse {
    /// The source model's name of the input.
    pub name: String,
    /// Share of the elements that lie beyond all codes, and were moved to the nearest.
    pub clipped: f64,
    /// The least and the largest element.
    pub data: [f32; 2],
    /// The reals of the least and the greatest code; absent where reals stay reals or integers stand for themselves.
    pub codes: Option<[f32; 2]>,
}

/// Data that moves this little of an input's codes was probably scaled otherwise than in calibration.
const USED_MIN: f32 = 0.1;

/// Fewer samples may well use few codes.
const SAMPLES_MIN: usize = 32;

/// From which share of clipped elements on somebody is told.
const CLIPPED_MAX: f64 = 0.01;

impl InputUse {
    /// What is probably not meant with data of so many samples; a sentence with a remedy.
    pub fn problem(&self, samples: usize) -> Option<String> {
        let [low, high] = self.codes?;
        let [least, largest] = self.data;
        let InputUse { name, clipped, .. } = self;
        let remedy = "is the data scaled as that for calibration was?";
        if *clipped > CLIPPED_MAX {
            return Some(format!(
                "{:.2} % of input `{name}` is clipped: the data goes from {least} to {largest}, the input's codes from \
                 {low} to {high}; {remedy}",
                clipped * 100.0
            ));
        }
        let used = (largest - least) / (high - low);
        (used < USED_MIN && largest > least && samples >= SAMPLES_MIN).then(|| {
            format!(
                "input `{name}` uses {:.1} % of its codes: the data goes from {least} to {largest}, the codes from {low} to \
                 {high}; {remedy}",
                used * 100.0
            )
        })
    }
}

/// Inputs and outputs of a model. A manifest that contradicts the tables is ignored.
pub fn ports(model: &Model<'_>) -> (Vec<PortSpec>, Vec<PortSpec>) {
    let manifest = Manifest::of(model);
    let spec = |port: kinglet::Port<'_>, note: Option<&PortNote>| {
        let dims: Vec<usize> = port.shape().iter().map(|&extent| extent as usize).collect();
        let shape = note.map_or_else(|| dims.clone(), |note| note.shape(&dims));
        let stated: Vec<usize> =
            note.map_or_else(Vec::new, |note| note.permutation.iter().map(|&a| a.into()).collect());
        let moved = || [0].into_iter().chain(2..shape.len()).chain([1]).collect();
        let permutation = match stated {
            stated if !stated.is_empty() && is_permutation(&stated, shape.len()) => Some(stated),
            _ if port.channels_moved && shape.len() > 2 => Some(moved()),
            _ => None,
        };
        let mut source_shape = shape.clone();
        for (&extent, &axis) in shape.iter().zip(permutation.iter().flatten()) {
            source_shape[axis] = extent;
        }
        let affine = Affine { scale: port.scale, zero_point: port.zero_point };
        let ends_at_minus_one = note.is_some_and(|note| note.ends_at_minus_one);
        let (name, dtype) = (plain::name(port.name), port.dtype);
        // Codes of columns stand for a row of int16.
        let columns = note.map_or(&[][..], |note| &note.columns);
        let are_columns = dtype == DType::I16 && shape.last() == Some(&columns.len()) && permutation.is_none();
        let columns =
            if are_columns && columns.iter().all(FeatureCode::is_sound) { columns.to_vec() } else { Vec::new() };
        PortSpec { name, dtype, shape, source_shape, permutation, ends_at_minus_one, columns, affine }
    };
    let inputs = (0..model.input_count()).filter_map(|index| {
        Some(spec(model.input(index)?, manifest.as_ref().and_then(|manifest| manifest.inputs.get(index))))
    });
    let outputs = (0..model.output_count()).filter_map(|index| {
        Some(spec(model.output(index)?, manifest.as_ref().and_then(|manifest| manifest.outputs.get(index))))
    });
    (inputs.collect(), outputs.collect())
}

/// What data for these inputs must be.
pub fn wanted(ports: &[PortSpec], classes: Vec<String>) -> Wanted {
    let input = |port: &PortSpec| Input {
        name: port.name.clone(),
        shape: port.source_shape.clone(),
        channels_first: port.permutation.is_some(),
    };
    Wanted { inputs: ports.iter().map(input).collect(), classes }
}

/// A graph with nothing but these inputs, as float values in the source model's layout: what
/// [`crate::calibrate::Samples`] needs to know to read arrays for them.
pub fn input_graph(ports: &[PortSpec]) -> Graph {
    let mut graph = Graph::default();
    for port in ports {
        let (shape, source_shape) = (port.source_shape.clone(), port.source_shape.clone());
        let name = format!("{}#{}", port.name, graph.values.len());
        let value = graph.add_value(Value { name, dtype: ir::DType::F32, shape, quantization: None, elements: None });
        graph.inputs.push(ir::Port { value, name: port.name.clone(), source_shape, permutation: None });
    }
    graph
}

impl PortSpec {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// True when there is none, which no model that was loaded has.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes in the blob's type.
    pub fn bytes(&self) -> usize {
        self.len() * self.dtype.size_bytes()
    }

    /// The port as the source has it after a run that gave these bytes: with the rows up to the first that begins with -1,
    /// where there are such.
    pub fn after_run(&self, bytes: &[u8]) -> PortSpec {
        let mut port = self.clone();
        let rows = self.shape.first().copied().unwrap_or(0);
        if !self.ends_at_minus_one || self.permutation.is_some() || self.dtype != DType::I32 || rows == 0 {
            return port;
        }
        let ends = |row: &[u8]| row.starts_with(&(-1i32).to_le_bytes());
        let count = bytes.chunks_exact((self.bytes() / rows).max(1)).position(ends).unwrap_or(rows);
        for shape in [&mut port.shape, &mut port.source_shape] {
            if let Some(first) = shape.first_mut() {
                *first = count;
            }
        }
        port
    }

    /// The reals of the least and the greatest code; none where elements are reals or stand for themselves.
    pub fn code_reals(&self) -> Option<[f32; 2]> {
        let (low, high) = self.code_range();
        (self.dtype != DType::F32 && !self.is_plain_integer() && self.columns.is_empty())
            .then(|| [self.real(low), self.real(high)])
    }

    /// Scale and zero point, where codes stand for reals: `real = scale * (code - zero_point)`.
    pub fn quantization(&self) -> Option<(f32, i32)> {
        let has_codes = self.dtype != DType::F32 && !self.is_plain_integer() && self.columns.is_empty();
        has_codes.then_some((self.affine.scale, self.affine.zero_point))
    }

    /// How these elements, of any number of inferences, fit the tensor.
    pub fn use_of(&self, reals: &[f32]) -> InputUse {
        let codes = self.code_reals();
        // Half a step beyond the last code is still nearest to it by rounding alone.
        let spare = self.affine.scale / 2.0;
        let is_clipped = |real: &&f32| codes.is_some_and(|[low, high]| **real < low - spare || **real > high + spare);
        let count = reals.iter().filter(is_clipped).count();
        let ends = reals.iter().fold([f32::INFINITY, f32::NEG_INFINITY], |[a, b], &x| [a.min(x), b.max(x)]);
        let clipped = count as f64 / reals.len().max(1) as f64;
        InputUse { name: self.name.clone(), clipped, data: ends, codes }
    }

    /// Reals as the tensor's bytes.
    pub fn encode(&self, reals: &[f32]) -> Vec<u8> {
        match self.dtype {
            _ if !self.columns.is_empty() => {
                let columns = self.columns.iter().cycle();
                reals.iter().zip(columns).flat_map(|(&real, column)| column.code(real).to_le_bytes()).collect()
            }
            DType::F32 => reals.iter().flat_map(|real| real.to_le_bytes()).collect(),
            DType::I8 => reals.iter().map(|&real| self.affine.quantize(real) as u8).collect(),
            _ => reals.iter().flat_map(|&real| self.code_bytes(real)).collect(),
        }
    }

    /// Numbers as the tensor's bytes. `array` keeps its order, which is the source model's or the blob's.
    ///
    /// A float tensor takes every number, an integer one without a quantization whole numbers of its range, a quantized
    /// one finite reals, which are rounded to the nearest code and saturate.
    pub(crate) fn encode_array(&self, array: &Array) -> Result<Vec<u8>, String> {
        if self.dtype == DType::F32 {
            return Ok(self.encode(&array.to_f32()));
        }
        if self.is_plain_integer() {
            return self.integers(array);
        }
        if !self.columns.is_empty() {
            // A missing feature has a code.
            return Ok(self.encode(&array.to_f32()));
        }
        Ok(self.encode(&array.finite_f32(self.len())?))
    }

    /// Whether the tensor holds integers that stand for themselves: indices, counts, true and false.
    pub(crate) fn is_plain_integer(&self) -> bool {
        matches!(self.dtype, DType::I32 | DType::Bool) && self.affine == Affine { scale: 1.0, zero_point: 0 }
    }

    /// Whole numbers as bytes of the tensor's integer type, in the array's order. An error when one does not fit.
    pub(crate) fn integers(&self, array: &Array) -> Result<Vec<u8>, String> {
        // `f64` has all of them.
        let (low, high) = self.code_range();
        let (low, high) = (low as f64, high as f64);
        let mut bytes = Vec::with_capacity(array.len() * self.dtype.size_bytes());
        for (index, element) in array.elements().enumerate() {
            // Of 64-bit integers `f64` rounds only those that are far outside.
            if element.trunc() != element || !(low..=high).contains(&element) {
                return Err(format!("element {index} is {element}; whole numbers from {low} to {high} are needed"));
            }
            bytes.extend(&(element as i64).to_le_bytes()[..self.dtype.size_bytes()]);
        }
        Ok(bytes)
    }

    /// The tensor's bytes as reals.
    pub fn decode(&self, bytes: &[u8]) -> Vec<f32> {
        match self.dtype {
            DType::F32 => bytes.as_chunks::<4>().0.iter().map(|&word| f32::from_le_bytes(word)).collect(),
            DType::I8 => bytes.iter().map(|&byte| self.affine.dequantize(byte as i8)).collect(),
            _ if !self.columns.is_empty() => {
                let columns = self.columns.iter().cycle();
                self.codes(bytes).into_iter().zip(columns).map(|(code, column)| column.real(code as i16)).collect()
            }
            _ => self.codes(bytes).into_iter().map(|code| self.real(code)).collect(),
        }
    }

    /// The tensor's integers; nothing for floats.
    pub fn codes(&self, bytes: &[u8]) -> Vec<i64> {
        match self.dtype {
            DType::I8 => bytes.iter().map(|&byte| i64::from(byte as i8)).collect(),
            DType::U8 | DType::Bool => bytes.iter().map(|&byte| i64::from(byte)).collect(),
            DType::I16 => bytes.as_chunks().0.iter().map(|&half| i64::from(i16::from_le_bytes(half))).collect(),
            DType::I32 => bytes.as_chunks().0.iter().map(|&word| i64::from(i32::from_le_bytes(word))).collect(),
            _ => Vec::new(),
        }
    }

    fn real(&self, code: i64) -> f32 {
        self.affine.scale * (code - i64::from(self.affine.zero_point)) as f32
    }

    /// A real as the bytes of an integer element: the nearest code, halves away from zero, within the type's range.
    fn code_bytes(&self, real: f32) -> Vec<u8> {
        let code = (f64::from(real / self.affine.scale)).round() as i64 + i64::from(self.affine.zero_point);
        let (low, high) = self.code_range();
        code.clamp(low, high).to_le_bytes()[..self.dtype.size_bytes()].to_vec()
    }

    /// The least and the greatest code of the tensor's integer type.
    fn code_range(&self) -> (i64, i64) {
        match self.dtype {
            DType::I8 => (i8::MIN.into(), i8::MAX.into()),
            DType::I16 => (i16::MIN.into(), i16::MAX.into()),
            DType::I32 => (i32::MIN.into(), i32::MAX.into()),
            DType::Bool => (0, 1),
            _ => (0, u8::MAX.into()),
        }
    }

    /// Elements in the blob's layout, from the source's. There are as many as the shape says.
    pub fn from_source<T: Copy>(&self, elements: &[T]) -> Vec<T> {
        match &self.permutation {
            Some(permutation) => transposed(elements, &self.source_shape, permutation),
            None => elements.to_vec(),
        }
    }

    /// Elements in the source's layout, from the blob's. There are as many as the shape says.
    pub fn to_source<T: Copy>(&self, elements: &[T]) -> Vec<T> {
        match &self.permutation {
            Some(permutation) => transposed(elements, &self.shape, &inverse(permutation)),
            None => elements.to_vec(),
        }
    }

    /// [`PortSpec::from_source`] on bytes in the blob's type.
    pub fn bytes_from_source(&self, bytes: &[u8]) -> Vec<u8> {
        self.map_bytes(bytes, Self::from_source, Self::from_source, Self::from_source)
    }

    /// [`PortSpec::to_source`] on bytes in the blob's type.
    pub fn bytes_to_source(&self, bytes: &[u8]) -> Vec<u8> {
        self.map_bytes(bytes, Self::to_source, Self::to_source, Self::to_source)
    }

    fn map_bytes(
        &self,
        bytes: &[u8],
        words: impl Fn(&Self, &[[u8; 4]]) -> Vec<[u8; 4]>,
        halves: impl Fn(&Self, &[[u8; 2]]) -> Vec<[u8; 2]>,
        single: impl Fn(&Self, &[u8]) -> Vec<u8>,
    ) -> Vec<u8> {
        match self.dtype.size_bytes() {
            4 => words(self, bytes.as_chunks().0).concat(),
            2 => halves(self, bytes.as_chunks().0).concat(),
            _ => single(self, bytes),
        }
    }

    /// Bytes of `count` inferences, in the blob's layout, as an array in the source's: reals, or integers where those stand
    /// for themselves or codes are asked for.
    pub fn array(&self, bytes: &[u8], count: usize, raw: bool) -> Array {
        let each = self.bytes().max(1);
        let mut source = match self.permutation {
            Some(_) => bytes.chunks_exact(each).flat_map(|one| self.bytes_to_source(one)).collect(),
            None => bytes.to_vec(),
        };
        let mut element_type = element_type(self.dtype);
        if !raw && !self.is_plain_integer() && self.dtype != DType::F32 {
            source = self.decode(&source).into_iter().flat_map(f32::to_le_bytes).collect();
            element_type = ElementType::F32;
        }
        Array { name: self.name.clone(), shape: self.batch_shape(count), element_type, bytes: source }
    }

    /// The source's shape of `count` inferences: the first axis is the batch.
    pub fn batch_shape(&self, count: usize) -> Vec<usize> {
        let mut shape = self.source_shape.clone();
        match shape.first_mut() {
            Some(batch) => *batch *= count,
            None => shape.push(count),
        }
        shape
    }
}

/// The type of a file's elements that hold a tensor's.
pub(crate) fn element_type(dtype: DType) -> ElementType {
    match dtype {
        DType::F32 => ElementType::F32,
        DType::I8 => ElementType::I8,
        DType::U8 => ElementType::U8,
        DType::I16 => ElementType::I16,
        DType::I32 => ElementType::I32,
        _ => ElementType::Bool,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(dtype: DType) -> PortSpec {
        PortSpec {
            name: "x".into(),
            dtype,
            shape: vec![1, 1, 3, 2],
            source_shape: vec![1, 2, 1, 3],
            permutation: Some(vec![0, 2, 3, 1]),
            ends_at_minus_one: false,
            columns: Vec::new(),
            affine: Affine { scale: 0.5, zero_point: -3 },
        }
    }

    #[test]
    fn layouts_are_undone() {
        let port = port(DType::I8);
        let source = [1, 2, 3, 10, 20, 30];
        assert_eq!(port.from_source(&source), [1, 10, 2, 20, 3, 30]);
        assert_eq!(port.to_source(&port.from_source(&source)), source);
        assert_eq!(port.batch_shape(4), [4, 2, 1, 3]);
    }

    #[test]
    fn rows_end_at_minus_one_where_the_port_says_so() {
        let plain = Affine { scale: 1.0, zero_point: 0 };
        let port = PortSpec {
            shape: vec![3, 2],
            source_shape: vec![3, 2],
            permutation: None,
            ends_at_minus_one: true,
            affine: plain,
            ..port(DType::I32)
        };
        let rows = |numbers: [i32; 6]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
        let after = |port: &PortSpec, numbers| port.after_run(&rows(numbers)).source_shape;
        assert_eq!(after(&port, [4, -1, -1, 0, -1, -1]), [1, 2]);
        assert_eq!(after(&port, [-1; 6]), [0, 2]);
        assert_eq!(after(&port, [1, 2, 3, 4, 5, -1]), [3, 2]);
        assert_eq!(after(&PortSpec { ends_at_minus_one: false, ..port }, [-1; 6]), [3, 2]);
    }

    #[test]
    fn bytes_move_by_element() {
        let port = port(DType::F32);
        let source: Vec<u8> = (0..24).collect();
        let blob = port.bytes_from_source(&source);
        assert_eq!(blob[..8], [0, 1, 2, 3, 12, 13, 14, 15]);
        assert_eq!(port.bytes_to_source(&blob), source);
    }

    #[test]
    fn reals_become_codes_of_every_type() {
        let spec =
            |dtype: DType, zero_point: i32| PortSpec { affine: Affine { scale: 0.5, zero_point }, ..port(dtype) };
        let bytes = spec(DType::U8, 128).encode(&[0.0, -0.25, 1000.0, -1000.0]);
        assert_eq!(bytes, [128, 127, 255, 0]);
        assert_eq!(spec(DType::U8, 128).decode(&bytes), [0.0, -0.5, 63.5, -64.0]);
        let bytes = spec(DType::I16, 0).encode(&[1.25, 1e9]);
        assert_eq!(bytes, [3, 0, 0xff, 0x7f]);
        assert_eq!(spec(DType::I16, 0).decode(&bytes), [1.5, 16383.5]);
        assert_eq!(spec(DType::I32, 0).codes(&[1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]), [1, -1]);
    }

    #[test]
    fn integers_that_stand_for_themselves_are_exact_or_refused() {
        let port = PortSpec { affine: Affine { scale: 1.0, zero_point: 0 }, ..port(DType::I32) };
        let array = |elements: &[i64]| Array {
            name: "x".into(),
            shape: vec![elements.len()],
            element_type: ElementType::I64,
            bytes: elements.iter().flat_map(|element| element.to_le_bytes()).collect(),
        };
        let bytes = port.encode_array(&array(&[16_777_217, -1]));
        assert_eq!(bytes.map(|bytes| port.codes(&bytes)), Ok(vec![16_777_217, -1]));
        let problem = port.encode_array(&array(&[0, 1 << 31])).err().unwrap_or_default();
        assert!(problem.starts_with("element 1 is 2147483648; whole numbers from -2147483648"), "{problem}");
        let half = Array { element_type: ElementType::F32, bytes: 0.5f32.to_le_bytes().into(), ..array(&[]) };
        assert!(port.encode_array(&half).is_err_and(|problem| problem.starts_with("element 0 is 0.5")));
    }

    #[test]
    fn only_floats_take_what_is_no_number() {
        let array = |element: f32| Array {
            name: "x".into(),
            shape: vec![1],
            element_type: ElementType::F32,
            bytes: element.to_le_bytes().into(),
        };
        let infinite = array(f32::NEG_INFINITY);
        assert_eq!(port(DType::F32).encode_array(&infinite), Ok(f32::NEG_INFINITY.to_le_bytes().into()));
        let problem = port(DType::I8).encode_array(&array(f32::NAN)).err().unwrap_or_default();
        assert!(problem.starts_with("holds NaN in sample 0 (element 0)"), "{problem}");
    }

    #[test]
    fn what_lies_beyond_all_codes_is_counted() {
        // Codes of -62.5 to 65.
        let port = port(DType::I8);
        let seen = port.use_of(&[0.0, 65.2, 65.3, -100.0]);
        assert_eq!((seen.clipped, seen.data, seen.codes), (0.5, [-100.0, 65.3], Some([-62.5, 65.0])));
        assert!(seen.problem(1).is_some_and(|text| text.starts_with("50.00 % of input `x` is clipped")));
        let small = port.use_of(&[0.0, 1.0]);
        assert!(small.problem(32).is_some_and(|text| text.starts_with("input `x` uses 0.8 % of its codes")));
        assert_eq!(small.problem(1), None);
        assert_eq!(port.use_of(&[-60.0, 60.0]).problem(32), None);
        let real = PortSpec { dtype: DType::F32, ..port }.use_of(&[1e9]);
        assert_eq!((real.clipped, real.codes, real.problem(32)), (0.0, None, None));
    }

    #[test]
    fn reals_are_rounded_to_codes() {
        let port = port(DType::I8);
        assert_eq!(port.encode(&[0.0, 0.25, 1000.0]), [-3i8 as u8, -2i8 as u8, 127]);
        assert_eq!(port.decode(&[-3i8 as u8, 7]), [0.0, 5.0]);
    }
}
