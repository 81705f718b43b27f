//! Sample inputs of a model, brought from files into the graph's own layout.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::data::npy::{Array, ArrayError};
use crate::data::{self, Input, Preparation, Wanted};
use crate::ir::{DType, Graph, Port, transposed};

/// Inputs for any number of inferences.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// For each graph input its samples, one after the other, in the layout of the graph's value.
    inputs: Vec<SampleInput>,
    len: usize,
}

#[derive(Clone, Debug, PartialEq)]
struct SampleInput {
    elements: Vec<f32>,
    sample_len: usize,
}

impl Samples {
    /// Reads the samples of `graph` from a `.npz` archive (or a `.npy` file, for a model with one input).
    ///
    /// An array belongs to the input of its name; a model with one input also takes the array `x`, or the only
    /// one there is. Shapes are those of the source model with any number of samples along the first axis.
    /// The arrays may be of any numeric type and are fed as floats.
    pub fn read(path: &Path, graph: &Graph) -> Result<Self, ArrayError> {
        Self::read_prepared(path, graph, &Preparation::default())
    }

    /// [`Samples::read`] on anything that [`crate::data`] reads, prepared.
    pub fn read_prepared(path: &Path, graph: &Graph, preparation: &Preparation) -> Result<Self, ArrayError> {
        let arrays = data::read(path, &wanted(graph), preparation)?;
        Self::from_arrays(path, &arrays, graph)
    }

    /// [`Samples::read_prepared`] on arrays in memory, which errors call `path`.
    pub fn prepared(
        path: &Path,
        arrays: &[Array],
        graph: &Graph,
        preparation: &Preparation,
    ) -> Result<Self, ArrayError> {
        let arrays = data::prepared(path, arrays.to_vec(), &wanted(graph), preparation)?;
        Self::from_arrays(path, &arrays, graph)
    }

    /// How many of these samples are among the others too, to the bit.
    pub fn shared_with(&self, others: &Samples) -> usize {
        let bits = |samples: &Samples, index: usize| -> Vec<u32> {
            samples.get(index).concat().into_iter().map(f32::to_bits).collect()
        };
        let known: HashSet<Vec<u32>> = (0..others.len).map(|index| bits(others, index)).collect();
        (0..self.len).filter(|&index| known.contains(&bits(self, index))).count()
    }

    /// [`Samples::read`] on arrays that came from `path`.
    pub fn from_arrays(path: &Path, arrays: &[Array], graph: &Graph) -> Result<Self, ArrayError> {
        let ports: Vec<(&str, &[usize])> =
            graph.inputs.iter().map(|port| (&port.name[..], &port.source_shape[..])).collect();
        let (inputs, len) = by_input(path, arrays, &ports, |input, array| convert(array, graph, &graph.inputs[input]))?;
        Ok(Samples { inputs, len })
    }

    /// Samples given as slices in the layout of the graph's values, one slice for each input.
    pub fn from_elements(graph: &Graph, inputs: &[Vec<f32>]) -> Result<Self, ArrayError> {
        let error = |problem| ArrayError { file: PathBuf::new(), array: None, problem };
        let mut converted = Vec::new();
        let mut len = None;
        for (port, elements) in graph.inputs.iter().zip(inputs) {
            let sample_len = graph.value(port.value).len();
            let count = elements.len() / sample_len.max(1);
            if !elements.len().is_multiple_of(sample_len) || *len.get_or_insert(count) != count {
                return Err(error(format!("{} elements for input `{}` of {sample_len}", elements.len(), port.name)));
            }
            converted.push(SampleInput { elements: elements.clone(), sample_len });
        }
        Ok(Samples { inputs: converted, len: len.unwrap_or(0) })
    }

    /// Number of inferences the samples are for.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The inputs of inference `index`, in the order of the graph's inputs; empty beyond the last.
    pub fn get(&self, index: usize) -> Vec<&[f32]> {
        let of = |input: &'_ SampleInput| index * input.sample_len..(index + 1) * input.sample_len;
        self.inputs.iter().map(|input| input.elements.get(of(input)).unwrap_or_default()).collect()
    }

    /// The first `len` samples.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        for input in &mut self.inputs {
            input.elements.truncate(self.len * input.sample_len);
        }
    }
}

/// `count` of `len` samples, as evenly as can be.
pub(crate) fn evenly(len: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |index| index * len / count)
}

/// What data for the inputs of a graph must be.
fn wanted(graph: &Graph) -> Wanted {
    let input = |port: &Port| Input {
        name: port.name.clone(),
        shape: port.source_shape.clone(),
        channels_first: port.permutation.is_some(),
    };
    Wanted { inputs: graph.inputs.iter().map(input).collect(), classes: Vec::new() }
}

/// Reads for each input, of which the name and the shape in the source model are given, the array that belongs to it; the
/// number of samples, which is the same in all of them, comes with the results.
pub(crate) fn by_input<T>(
    path: &Path,
    arrays: &[Array],
    inputs: &[(&str, &[usize])],
    read: impl Fn(usize, &Array) -> Result<T, String>,
) -> Result<(Vec<T>, usize), ArrayError> {
    let mut results = Vec::with_capacity(inputs.len());
    let mut len = None;
    for (index, (name, source_shape)) in inputs.iter().enumerate() {
        let array = find(path, arrays, name, inputs.len())?;
        let error = |problem| ArrayError { file: path.into(), array: Some(array.name.clone()), problem };
        let of_input = |problem| error(format!("{problem} (input `{name}`)"));
        let count = sample_count(&array.shape, source_shape).map_err(of_input)?;
        if *len.get_or_insert(count) != count {
            let others = len.unwrap_or(0);
            return Err(error(format!("holds {count} samples, an earlier input {others}; they must be as many")));
        }
        results.push(read(index, array).map_err(error)?);
    }
    Ok((results, len.unwrap_or(0)))
}

/// The array that belongs to an input of a model that has `input_count` of them.
fn find<'a>(path: &Path, arrays: &'a [Array], input: &str, input_count: usize) -> Result<&'a Array, ArrayError> {
    let named = |name: &str| arrays.iter().find(|array| array.name == name);
    let single = || match (input_count, arrays) {
        (1, [array]) => Some(array),
        (1, _) => named("x"),
        _ => None,
    };
    named(input).or_else(single).ok_or_else(|| {
        let names: Vec<String> = arrays.iter().map(|array| format!("`{}`", array.name)).collect();
        let names = if names.is_empty() { "none".into() } else { names.join(", ") };
        let problem = format!("has no array for the model's input `{input}`; it holds {names}");
        ArrayError { file: path.into(), array: None, problem }
    })
}

/// The samples of one input.
fn convert(array: &Array, graph: &Graph, port: &Port) -> Result<SampleInput, String> {
    let value = graph.value(port.value);
    if value.dtype != DType::F32 {
        return Err(format!(
            "feeds input `{}`, which is {:?}; float samples need a float model",
            port.name, value.dtype
        ));
    }
    let mut elements = array.finite_f32(value.len())?;
    if let Some(permutation) = &port.permutation {
        let sample = |sample: &[f32]| transposed(sample, &port.source_shape, permutation);
        elements = elements.chunks_exact(value.len()).flat_map(sample).collect();
    }
    Ok(SampleInput { elements, sample_len: value.len() })
}

/// How many inferences an array of `shape` feeds. Axes of extent 1 may be left out or added, which moves no
/// element; anything else must be as the model has it.
fn sample_count(shape: &[usize], source: &[usize]) -> Result<usize, String> {
    let expected = || {
        let rest: Vec<String> = source.iter().skip(1).map(|extent| format!(", {extent}")).collect();
        let batch = source.first().copied().unwrap_or(1);
        let samples = if batch == 1 { "samples".to_owned() } else { format!("{batch} x samples") };
        format!("has shape {shape:?}, [{samples}{}] is needed", rest.concat())
    };
    let long = |shape: &[usize]| -> Vec<usize> { shape.iter().copied().filter(|&extent| extent != 1).collect() };
    // A number is an array of one element without axes.
    let with_axes = |shape: &[usize]| if shape.is_empty() { vec![1] } else { shape.to_vec() };
    let (with_batch, source_with_batch) = (with_axes(shape), with_axes(source));
    let (Some((&first, rest)), Some((&batch, source_rest))) =
        (with_batch.split_first(), source_with_batch.split_first())
    else {
        return Err(expected());
    };
    let fits = long(rest) == long(source_rest) && first.is_multiple_of(batch.max(1));
    if !fits && long(shape) == long(source) {
        // A single sample without a leading axis.
        return Ok(1);
    }
    if !fits {
        let reversed: Vec<usize> = long(rest).into_iter().rev().collect();
        let same_extents = {
            let (mut a, mut b) = (reversed, long(source_rest));
            a.sort_unstable();
            b.sort_unstable();
            a == b
        };
        let hint = if same_extents { "; the axes are in another order, transpose them" } else { "" };
        return Err(format!("{}{hint}", expected()));
    }
    match first / batch.max(1) {
        0 => Err("holds no sample".into()),
        count => Ok(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::npy::ElementType;
    use crate::ir::Value;

    fn graph(source: &[usize], permutation: Option<Vec<usize>>) -> Graph {
        let shape: Vec<usize> = match &permutation {
            Some(permutation) => permutation.iter().map(|&axis| source[axis]).collect(),
            None => source.to_vec(),
        };
        let mut graph = Graph::default();
        let name = "image".to_owned();
        let value =
            graph.add_value(Value { name: name.clone(), dtype: DType::F32, shape, quantization: None, elements: None });
        graph.inputs.push(Port { value, name, source_shape: source.to_vec(), permutation });
        graph
    }

    fn array(name: &str, shape: &[usize], elements: &[f32]) -> Array {
        let bytes = elements.iter().flat_map(|element| element.to_le_bytes()).collect();
        Array { name: name.into(), shape: shape.to_vec(), element_type: ElementType::F32, bytes }
    }

    fn read(arrays: &[Array], graph: &Graph) -> Result<Samples, String> {
        Samples::from_arrays(Path::new("calib.npz"), arrays, graph).map_err(|error| error.to_string())
    }

    #[test]
    fn channels_first_samples_become_channels_last() {
        let graph = graph(&[1, 2, 1, 3], Some(vec![0, 2, 3, 1]));
        let elements: Vec<f32> = (0..12u8).map(f32::from).collect();
        let samples = read(&[array("x", &[2, 2, 1, 3], &elements)], &graph).expect("fits");
        assert_eq!(samples.len(), 2);
        assert_eq!(samples.get(0), [[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]]);
        assert_eq!(samples.get(1), [[6.0, 9.0, 7.0, 10.0, 8.0, 11.0]]);
    }

    #[test]
    fn array_is_found_by_name_then_x_then_alone() {
        let graph = graph(&[1, 2], None);
        let (a, b) = (array("image", &[1, 2], &[1.0, 2.0]), array("x", &[1, 2], &[3.0, 4.0]));
        let other = array("y", &[1, 2], &[5.0, 6.0]);
        let first = |arrays: &[Array]| read(arrays, &graph).map(|samples| samples.get(0)[0][0]);
        assert_eq!(first(&[b.clone(), a.clone()]), Ok(1.0));
        assert_eq!(first(&[other.clone(), b.clone()]), Ok(3.0));
        assert_eq!(first(core::slice::from_ref(&other)), Ok(5.0));
        let problem = first(&[other.clone(), array("z", &[1, 2], &[0.0; 2])]).err().unwrap_or_default();
        assert_eq!(problem, "calib.npz: has no array for the model's input `image`; it holds `y`, `z`");
    }

    #[test]
    fn wrong_arrays_are_named() {
        let graph = graph(&[1, 3, 8, 4], Some(vec![0, 2, 3, 1]));
        let of = |shape: &[usize]| {
            let elements = vec![0.0; shape.iter().product()];
            read(&[array("x", shape, &elements)], &graph).map(|samples| samples.len())
        };
        assert_eq!(of(&[5, 3, 8, 4]), Ok(5));
        let problem = of(&[5, 8, 4, 3]).err().unwrap_or_default();
        assert!(
            problem.starts_with("calib.npz, array `x`: has shape [5, 8, 4, 3], [samples, 3, 8, 4] is needed"),
            "{problem}"
        );
        assert!(problem.contains("another order"), "{problem}");
        assert!(of(&[5, 3, 8, 5]).is_err_and(|problem| !problem.contains("another order")));
        assert!(of(&[0, 3, 8, 4]).is_err_and(|problem| problem.contains("no sample")));
    }

    #[test]
    fn axes_of_one_may_be_left_out() {
        let graph = graph(&[1, 1, 4, 3], None);
        let of = |shape: &[usize]| {
            let elements = vec![0.0; shape.iter().product()];
            read(&[array("x", shape, &elements)], &graph).map(|samples| samples.len())
        };
        assert_eq!(of(&[7, 4, 3]), Ok(7));
        assert_eq!(of(&[7, 4, 3, 1]), Ok(7));
        assert_eq!(of(&[4, 3]), Ok(1));
    }

    #[test]
    fn a_number_has_no_axes() {
        let of = |shape: &[usize], source: &[usize]| sample_count(shape, source);
        assert_eq!(of(&[], &[1]), Ok(1));
        assert_eq!(of(&[], &[]), Ok(1));
        assert_eq!(of(&[3], &[]), Ok(3));
        assert!(of(&[], &[1, 2]).is_err());
    }

    #[test]
    fn not_a_number_is_named() {
        let graph = graph(&[1, 2], None);
        let problem = read(&[array("x", &[2, 2], &[1.0, 2.0, f32::NAN, 4.0])], &graph).err().unwrap_or_default();
        assert_eq!(problem, "calib.npz, array `x`: holds NaN in sample 1 (element 2); remove or repair it");
    }
}
