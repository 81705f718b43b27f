//! Models over a stream say what the same models say over all of a recording, and over windows of it.

mod shared;

use std::path::Path;

use kinglet_quantize::compile::{Compiled, Options, compile_built, compile_file};
use kinglet_quantize::data::npy::{Array, ElementType};
use kinglet_quantize::emit::{Assembly, Manifest, Source, SourceKind};
use kinglet_quantize::host::{infer, with_session};
use kinglet_quantize::import::Changes;
use kinglet_quantize::ir::{Activation, DType, Elements, Graph, Node, Op, Padding, Port, ValueId, Window, infer_one};
use kinglet_quantize::op::{
    Add, AveragePool2D, Conv2D, Cut, DepthwiseConv2D, FullyConnected, MaxPool2D, Mean, Relu, Reshape, Slice,
};
use kinglet_quantize::stream::{Output, Request, Stream, StreamError, stream};
use kinglet_quantize::target::Target;
use shared::shared;

/// A small reproducible generator.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    fn int8(&mut self) -> i8 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as i8
    }
}

/// The outputs of every run, of a blob of `graph`; `is_fresh` forgets before each.
fn runs(graph: &Graph, inputs: &[Vec<u8>], is_fresh: bool) -> Vec<Vec<Vec<u8>>> {
    let assembly = Assembly::new(graph, Target::CortexM4).unwrap_or_else(|error| panic!("{error}\n{graph}"));
    let manifest = Manifest::new(graph, Source { kind: SourceKind::Graph, bytes: 0, crc32: 0 });
    let blob = assembly.blob(&manifest, &[]).unwrap_or_else(|error| panic!("{error}\n{graph}"));
    with_session(&blob, |session| {
        let run = |input: &Vec<u8>| {
            if is_fresh {
                session.reset();
            }
            infer(session, core::slice::from_ref(input))
        };
        inputs.iter().map(run).collect()
    })
    .expect("runs")
}

fn streamed(graph: &Graph, axis: usize, hop: Option<usize>) -> (Graph, Stream) {
    stream(graph, Request { axis, hop }).unwrap_or_else(|error| panic!("{error}\n{graph}"))
}

/// Frames of so many bytes that look random, as codes or floats.
fn signal(graph: &Graph, frames: usize, frame_bytes: usize) -> Vec<u8> {
    let mut random = Random::new(77);
    match graph.value(graph.inputs[0].value).dtype {
        DType::F32 => {
            (0..frames * frame_bytes / 4).flat_map(|_| (f32::from(random.int8()) / 64.0).to_le_bytes()).collect()
        }
        _ => (0..frames * frame_bytes).map(|_| random.int8() as u8).collect(),
    }
}

fn frame_bytes(graph: &Graph, facts: &Stream) -> usize {
    let value = graph.value(graph.inputs[0].value);
    value.len() * value.dtype.size_bytes() / facts.window
}

fn hops(signal: &[u8], facts: &Stream, frame_bytes: usize) -> Vec<Vec<u8>> {
    signal.chunks_exact(facts.hop * frame_bytes).map(<[u8]>::to_vec).collect()
}

/// The frame with which the window of a run begins.
fn window_of(run: usize, output: &Output, facts: &Stream) -> usize {
    assert!(run >= output.first_run, "no window yet");
    usize::try_from((run as isize + 1) * facts.hop as isize - output.offset).expect("a full window")
}

/// The same graph on another number of frames; of one whose shapes all follow from the operands'.
fn stretched(graph: &Graph, frames: usize) -> Graph {
    let mut graph = graph.clone();
    let input = graph.inputs[0].value;
    graph.value_mut(input).shape[1] = frames;
    graph.inputs[0].source_shape = graph.value(input).shape.clone();
    for index in 0..graph.nodes.len() {
        let (op, inputs) = (graph.nodes[index].op.clone(), graph.nodes[index].inputs.clone());
        let output = graph.nodes[index].output();
        graph.value_mut(output).shape = infer_one(&graph, &op, &inputs).expect("fits");
    }
    for index in 0..graph.outputs.len() {
        graph.outputs[index].source_shape = graph.value(graph.outputs[index].value).shape.clone();
    }
    graph.verify().unwrap_or_else(|error| panic!("{error}\n{graph}"));
    graph
}

fn port(graph: &Graph, value: ValueId) -> Port {
    let source_shape = graph.value(value).shape.clone();
    Port { value, name: graph.value(value).name.clone(), source_shape, permutation: None }
}

/// The parts of a graph before and behind its node `at`, which reads one value.
fn parted(graph: &Graph, at: usize) -> [Graph; 2] {
    let middle = graph.nodes[at].inputs[0];
    let (mut head, mut tail) = (graph.clone(), graph.clone());
    head.nodes.truncate(at);
    head.outputs = vec![port(graph, middle)];
    tail.nodes.drain(..at);
    tail.inputs = vec![port(graph, middle)];
    [head, tail]
}

fn compiled(model: &str) -> Option<Compiled> {
    let options = Options { eliminate: false, ..Options::default() };
    Some(compile_file(&shared(model)?, &options, &mut |_| {}).expect("compiles"))
}

/// Runs the stream of a model whose rows end in one node that takes all of them, and compares it with the model over all of
/// a recording, to the bit; gives back how many runs were compared.
fn compare_with_recording(graph: &Graph, collapse: &str, hop: Option<usize>, frames: usize) -> (Stream, usize) {
    let (small, facts) = streamed(graph, 1, hop);
    let bytes = frame_bytes(graph, &facts);
    let signal = signal(graph, frames, bytes);
    let found = runs(&small, &hops(&signal, &facts, bytes), false);
    let at = graph.nodes.iter().position(|node| node.op.name() == collapse).expect("a node that takes all rows");
    let [head, tail] = parted(graph, at);
    let rows = runs(&stretched(&head, frames), core::slice::from_ref(&signal), true).remove(0).remove(0);
    let window = tail.value(tail.inputs[0].value);
    let (rows_of_window, row_bytes) = (window.shape[1], window.len() / window.shape[1]);
    let stride = facts.window.div_ceil(rows_of_window);
    let output = &facts.outputs[0];
    let windows: Vec<Vec<u8>> = (output.first_run..found.len())
        .map(|run| window_of(run, output, &facts) / stride * row_bytes)
        .map_while(|start| Some(rows.get(start..start + rows_of_window * row_bytes)?.to_vec()))
        .collect();
    let expected = runs(&tail, &windows, true);
    for (number, expected) in expected.iter().enumerate() {
        let run = output.first_run + number;
        assert_eq!(&found[run], expected, "run {run}");
    }
    (facts, windows.len())
}

#[test]
fn keyword_spotting_gives_the_codes_of_the_whole_recording() {
    let Some(Compiled { graph, .. }) = compiled("models/kws_int8.tflite") else { return };
    for (hop, compared_min) in [(None, 60), (Some(4), 30)] {
        let (facts, compared) = compare_with_recording(&graph, "AveragePool2D", hop, 200);
        assert!(compared >= compared_min, "{compared} runs compared");
        assert_eq!((facts.hop, facts.window), (hop.unwrap_or(2), 49));
        // Four frames of the first layer, and two of each of the depthwise ones behind it.
        assert_eq!(facts.delay_frames, 12);
        assert_eq!(facts.behind.iter().map(|layer| layer.frames).collect::<Vec<_>>(), [4, 2, 2, 2, 2]);
        let edge = &facts.edges[0];
        assert_eq!((edge.rows, edge.first, edge.last), (25, 6, 7));
    }
}

#[test]
fn keyword_spotting_costs_an_eighth_at_most() {
    let Some(path) = shared("models/kws_int8.tflite") else { return };
    let request = Request { axis: 1, hop: None };
    let options = Options { stream: Some(request), ..Options::default() };
    let facts = compile_file(&path, &options, &mut |_| {}).expect("compiles").report.stream.expect("a stream");
    assert!(facts.macs_window >= 8 * facts.macs, "{} against {}", facts.macs, facts.macs_window);
}

#[test]
fn a_wake_word_gives_the_codes_of_each_window() {
    let Some(Compiled { graph, .. }) = compiled("models/sww_int8.tflite") else { return };
    let (small, facts) = streamed(&graph, 1, None);
    assert_eq!((facts.hop, facts.delay_frames), (1, 0));
    assert!(facts.behind.is_empty() && facts.edges.is_empty() && facts.whole.is_empty(), "{facts:?}");
    let bytes = frame_bytes(&graph, &facts);
    let signal = signal(&graph, 100, bytes);
    let found = runs(&small, &hops(&signal, &facts, bytes), false);
    let first = facts.outputs[0].first_run;
    assert_eq!(first, 29, "the first run with 30 frames");
    let windows: Vec<Vec<u8>> = (first..found.len())
        .map(|run| window_of(run, &facts.outputs[0], &facts) * bytes)
        .map(|start| signal[start..start + 30 * bytes].to_vec())
        .collect();
    assert_eq!(found[first..], runs(&graph, &windows, true)[..]);
}

/// A graph under construction.
struct Maker {
    graph: Graph,
    random: Random,
}

impl Maker {
    fn new(seed: u64, frames: usize, channels: usize) -> (Self, ValueId) {
        let mut maker = Maker { graph: Graph { name: "tcn".into(), ..Graph::default() }, random: Random::new(seed) };
        let x = maker.graph.add_intermediate("signal", vec![1, frames, 1, channels]);
        let input = port(&maker.graph, x);
        maker.graph.inputs.push(input);
        (maker, x)
    }

    fn constant(&mut self, shape: &[usize]) -> ValueId {
        let floats = (0..shape.iter().product()).map(|_| f32::from(self.random.int8()) / 400.0).collect();
        self.graph.add_constant("weights", shape.to_vec(), Elements::F32(floats))
    }

    fn node(&mut self, op: Op, inputs: &[ValueId]) -> ValueId {
        let shape = infer_one(&self.graph, &op, inputs).unwrap_or_else(|error| panic!("{}: {error}", op.name()));
        self.shaped(op, inputs, shape)
    }

    fn shaped(&mut self, op: Op, inputs: &[ValueId], shape: Vec<usize>) -> ValueId {
        let name = format!("{}{}", op.name(), self.graph.nodes.len());
        let output = self.graph.add_intermediate(&name, shape);
        self.graph.nodes.push(Node { name, op, inputs: inputs.to_vec(), outputs: vec![output] });
        output
    }

    fn conv(&mut self, x: ValueId, size: usize, (stride, dilation): (usize, usize), around: [usize; 2]) -> ValueId {
        let channels = self.graph.value(x).shape[3];
        let w = self.constant(&[channels, size, 1, channels]);
        let b = self.constant(&[channels]);
        let padding = Padding { top: around[0], bottom: around[1], left: 0, right: 0 };
        let activation = Activation::None;
        let op = Conv2D { stride: [stride, 1], dilation: [dilation, 1], padding, groups: 1, activation };
        self.node(op.into(), &[x, w, b])
    }

    fn finish(mut self, output: ValueId) -> Graph {
        let output = port(&self.graph, output);
        self.graph.outputs.push(output);
        self.graph.verify().unwrap_or_else(|error| panic!("{error}\n{}", self.graph));
        self.graph
    }
}

/// How a random network goes on.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Sees the past only.
    Causal,
    /// Sees as many rows on both sides, padded.
    Same,
    /// Loses rows.
    Valid,
}

/// A network of dilated convolutions with sums around them, sometimes with a stride or a pool.
fn tcn(seed: u64, frames: usize, kinds: &[Kind], has_strides: bool) -> Graph {
    let (mut maker, mut x) = Maker::new(seed, frames, 4);
    for (layer, kind) in kinds.iter().enumerate() {
        let (size, dilation) = (3, 1 << layer.min(2));
        let reach = (size - 1) * dilation;
        let around = match kind {
            Kind::Causal => [reach, 0],
            Kind::Same => [reach / 2, reach / 2],
            Kind::Valid => [0, 0],
        };
        let y = maker.conv(x, size, (1, dilation), around);
        let y = maker.node(Relu.into(), &[y]);
        let besides = match kind {
            Kind::Valid => {
                let rows = maker.graph.value(x).shape[1];
                let mut cuts = vec![Cut::ALL; 4];
                cuts[1] = Cut { begin: reach / 2, end: Some(rows - reach / 2), stride: 1 };
                maker.node(Slice { cuts }.into(), &[x])
            }
            _ => x,
        };
        x = maker.node(Add { activation: Activation::None }.into(), &[y, besides]);
        if has_strides && layer == 1 {
            let padding = Padding { top: 1, bottom: 1, left: 0, right: 0 };
            x = match seed % 3 {
                0 => maker.conv(x, 3, (2, 1), [1, 1]),
                1 => {
                    let window = Window { size: [3, 1], stride: [2, 1], padding };
                    maker.node(MaxPool2D { window, activation: Activation::None }.into(), &[x])
                }
                _ => {
                    let window = Window { size: [2, 1], stride: [2, 1], padding: Padding::default() };
                    maker.node(AveragePool2D { window, activation: Activation::None }.into(), &[x])
                }
            };
        }
    }
    maker.finish(x)
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|raw| f32::from_le_bytes(*raw)).collect()
}

/// Compares all rows of a stream with those of the model over all of the recording, within `tolerance` of a real, or to the
/// bit where it is nothing. `whole` is the model over the recording.
fn compare_rows(graph: &Graph, whole: &Graph, frames: usize, tolerance: Option<f32>) -> Stream {
    let (small, facts) = streamed(graph, 1, None);
    let bytes = frame_bytes(graph, &facts);
    let signal = signal(graph, frames, bytes);
    let found: Vec<u8> = runs(&small, &hops(&signal, &facts, bytes), false)
        .into_iter()
        .map(|mut run| run.remove(0))
        .collect::<Vec<_>>()
        .concat();
    let expected = runs(whole, core::slice::from_ref(&signal), true).remove(0).remove(0);
    let output = &facts.outputs[0];
    let row_bytes = expected.len() / whole.outputs[0].source_shape[1];
    let skipped = output.unlike;
    let delayed = (skipped as isize + output.offset) as usize;
    let (found, expected) = (&found[delayed * row_bytes..], &expected[skipped * row_bytes..]);
    let len = found.len().min(expected.len());
    assert!(len > 20 * row_bytes, "only {len} bytes of {row_bytes} a row: {facts:?}");
    match tolerance {
        None => assert_eq!(found[..len], expected[..len], "{facts:?}\n{graph}"),
        Some(tolerance) => {
            for (index, (a, b)) in floats(&found[..len]).iter().zip(floats(&expected[..len])).enumerate() {
                assert!((a - b).abs() <= tolerance, "element {index}: {a}, {b}\n{facts:?}\n{graph}");
            }
        }
    }
    facts
}

const NETWORKS: [&[Kind]; 5] = [
    &[Kind::Causal, Kind::Causal, Kind::Causal],
    &[Kind::Same, Kind::Same, Kind::Same],
    &[Kind::Valid, Kind::Valid],
    &[Kind::Causal, Kind::Same, Kind::Valid],
    &[Kind::Valid, Kind::Causal, Kind::Same, Kind::Causal],
];

#[test]
fn temporal_convolutions_are_those_of_the_whole_recording() {
    for seed in 0..30 {
        let kinds = NETWORKS[seed as usize % NETWORKS.len()];
        for has_strides in [false, true] {
            let (graph, whole) = (tcn(seed, 40, kinds, has_strides), tcn(seed, 120, kinds, has_strides));
            compare_rows(&graph, &whole, 120, Some(1e-5));
        }
    }
}

#[test]
fn causal_layers_wait_for_nothing_and_lose_no_row() {
    let kinds = NETWORKS[0];
    let facts = compare_rows(&tcn(1, 40, kinds, false), &tcn(1, 120, kinds, false), 120, Some(1e-5));
    assert_eq!((facts.delay_frames, facts.outputs[0].offset, facts.outputs[0].unlike), (0, 0, 0));
    // The first rows of a window have its padding before them, the stream has the signal there.
    assert_eq!(facts.edges.iter().map(|edge| [edge.first, edge.last]).collect::<Vec<_>>(), [[14, 0]]);
    let facts = compare_rows(&tcn(1, 40, NETWORKS[1], false), &tcn(1, 120, NETWORKS[1], false), 120, Some(1e-5));
    assert_eq!(facts.delay_frames, 1 + 2 + 4);
    assert_eq!(facts.behind.len(), 3, "{facts:?}");
}

/// The int8 form of a float graph, calibrated on noise.
fn quantized(graph: Graph) -> Graph {
    let shape: Vec<usize> = core::iter::once(8).chain(graph.inputs[0].source_shape.iter().skip(1).copied()).collect();
    let bytes = signal(&graph, 8, 4 * graph.value(graph.inputs[0].value).len());
    let array = Array { name: "x".into(), shape, element_type: ElementType::F32, bytes };
    let options = Options {
        calibration: Some("noise".into()),
        calibration_arrays: Some(vec![array]),
        eliminate: false,
        ..Options::default()
    };
    compile_built(graph, &options, &mut |_| {}).expect("quantizes").graph
}

#[test]
fn int8_convolutions_give_the_codes_of_the_whole_recording() {
    for seed in 0..10 {
        let kinds = NETWORKS[seed as usize % NETWORKS.len()];
        let int8 = quantized(tcn(seed, 40, kinds, seed >= 5));
        let mut whole = int8.clone();
        // A slice that takes all but some rows names its end.
        for long in tcn(seed, 120, kinds, seed >= 5).nodes.iter().filter(|node| node.op.name() == "Slice") {
            let same = whole.nodes.iter_mut().find(|node| node.name == long.name).expect("a slice of that name");
            same.op = long.op.clone();
        }
        compare_rows(&int8, &stretched(&whole, 120), 120, None);
    }
}

/// A network that ends in a decision: what is done with all rows of a window.
fn decision(seed: u64, frames: usize, end: usize) -> Graph {
    let (mut maker, x) = Maker::new(seed, frames, 3);
    let x = maker.conv(x, 5, (1, 1), [0, 0]);
    let w = maker.constant(&[1, 3, 1, 3]);
    let op = DepthwiseConv2D {
        stride: [1, 1],
        dilation: [2, 1],
        padding: Padding::default(),
        multiplier: 1,
        activation: Activation::None,
    };
    let x = maker.node(op.into(), &[x, w]);
    let rows = maker.graph.value(x).shape[1];
    let x = match end {
        0 => maker.node(Mean { axes: vec![1, 2], keep_dims: false }.into(), &[x]),
        1 => maker.shaped(Reshape.into(), &[x], vec![1, rows * 3]),
        2 => {
            let mut cuts = vec![Cut::ALL; 4];
            cuts[1] = Cut { begin: rows - 1, end: None, stride: 1 };
            let last = maker.node(Slice { cuts }.into(), &[x]);
            maker.shaped(Reshape.into(), &[last], vec![1, 3])
        }
        _ => {
            let window = Window { size: [rows, 1], stride: [rows, 1], padding: Padding::default() };
            let pooled = maker.node(AveragePool2D { window, activation: Activation::None }.into(), &[x]);
            maker.shaped(Reshape.into(), &[pooled], vec![1, 3])
        }
    };
    let depth = maker.graph.value(x).len();
    let w = maker.constant(&[2, depth]);
    let x = maker.node(FullyConnected { activation: Activation::None }.into(), &[x, w]);
    maker.finish(x)
}

#[test]
fn decisions_are_those_of_each_window() {
    for end in 0..4 {
        for hop in [None, Some(3), Some(7)] {
            let float = decision(end as u64, 20, end);
            for graph in [quantized(float.clone()), float] {
                let is_float = graph.value(graph.inputs[0].value).dtype == DType::F32;
                let (small, facts) = streamed(&graph, 1, hop);
                assert_eq!(facts.delay_frames, 0);
                let bytes = frame_bytes(&graph, &facts);
                let signal = signal(&graph, 84, bytes);
                let found = runs(&small, &hops(&signal, &facts, bytes), false);
                let output = &facts.outputs[0];
                let windows: Vec<Vec<u8>> = (output.first_run..found.len())
                    .map(|run| window_of(run, output, &facts) * bytes)
                    .map(|start| signal[start..start + 20 * bytes].to_vec())
                    .collect();
                assert!(windows.len() > 7);
                let expected = runs(&graph, &windows, true);
                let pairs = found[output.first_run..].iter().zip(&expected);
                for (run, (found, expected)) in pairs.enumerate() {
                    match is_float {
                        true => assert!(near(&found[0], &expected[0]), "{end} {hop:?} {run}"),
                        false => assert_eq!(found, expected, "{end} {hop:?} {run}"),
                    }
                }
            }
        }
    }
}

fn near(a: &[u8], b: &[u8]) -> bool {
    floats(a).iter().zip(floats(b)).all(|(a, b)| (a - b).abs() <= 1e-5)
}

#[test]
fn a_gru_goes_on_where_the_last_run_ended() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases/gesture_gru/model.onnx");
    let over = |frames: usize| {
        let changes = Changes { shapes: vec![("x".into(), vec![frames, 1, 6])], ..Changes::default() };
        compile_file(&case, &Options { changes, ..Options::default() }, &mut |_| {})
    };
    let graph = over(40).expect("compiles").graph;
    let (small, facts) = streamed(&graph, 0, Some(2));
    assert_eq!((facts.window, facts.delay_frames, facts.endless.len()), (40, 0, 1), "{facts:?}");
    let bytes = frame_bytes(&graph, &facts);
    let signal = signal(&graph, 60, bytes);
    let found = runs(&small, &hops(&signal, &facts, bytes), false);
    for frames in [2, 40, 60] {
        let whole = over(frames).expect("compiles").graph;
        let expected = runs(&whole, &[signal[..frames * bytes].to_vec()], true).remove(0);
        assert!(near(&found[frames / 2 - 1][0], &expected[0]), "after {frames} frames");
    }
}

#[test]
fn what_is_no_stream_is_refused_by_name() {
    let graph = tcn(0, 40, NETWORKS[1], true);
    let refused = |graph: &Graph, axis, hop| stream(graph, Request { axis, hop }).expect_err("refused");
    let error = refused(&graph, 1, Some(3));
    assert!(matches!(&error, StreamError::Hop { hop: 3, stride: 2, .. }), "{error}");
    assert!(refused(&graph, 2, None).to_string().contains("[1, 40, 1, 4]"));
    assert!(refused(&graph, 9, None).to_string().contains("[1, 40, 1, 4]"));
    assert!(refused(&graph, 1, Some(41)).to_string().contains("--hop 1 to 40"));
    let (small, _) = streamed(&graph, 1, None);
    assert!(refused(&small, 1, None).to_string().contains("already"));
}

#[test]
fn the_difference_from_windows_is_measured() {
    let Some(path) = shared("models/kws_int8.tflite") else { return };
    let folder = std::env::temp_dir().join(format!("kinglet-stream-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("windows.bin");
    let mut random = Random::new(5);
    std::fs::write(&file, (0..6 * 490).map(|_| random.int8() as u8).collect::<Vec<u8>>()).expect("written");
    let data = kinglet_quantize::compile::GoldenData { files: vec![file], is_raw: true };
    let request = Request { axis: 1, hop: None };
    let options = Options { stream: Some(request), stream_data: Some(data), ..Options::default() };
    let report = compile_file(&path, &options, &mut |_| {}).expect("compiles").report;
    let difference = report.stream.expect("a stream").difference.expect("measured");
    assert_eq!(difference.windows, 6);
    assert!(difference.max > 0.0, "SAME padding makes a difference");
    std::fs::remove_dir_all(&folder).expect("removed");
}
