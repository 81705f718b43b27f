use super::*;
use crate::affine;
use crate::calibrate::{Method, calibrate};
use crate::ir::Op;
use crate::ir::sketch::Sketch;
use crate::op::{Activation, FullyConnected};

fn dense(activation: Activation) -> Op {
    Op::FullyConnected(FullyConnected { activation })
}

/// Two dense layers of eight channels; `change` is told the first one's weights.
fn network(activation: Activation, change: impl Fn(&mut Vec<f32>)) -> Graph {
    let mut sketch = Sketch::new(3);
    let input = sketch.input(&[1, 8]);
    let mut weights = sketch.numbers.floats(64);
    change(&mut weights);
    let first = sketch.floats(&[8, 8], weights);
    let hidden = sketch.node(dense(activation), &[input, first]);
    let second = sketch.random(&[8, 8]);
    let output = sketch.node(dense(Activation::None), &[hidden, second]);
    sketch.finish(&[output])
}

fn diagnosis(graph: &Graph) -> Diagnosis {
    let data: Vec<f32> = (0..64).flat_map(|seed| graph.sample(seed).concat()).collect();
    let samples = Samples::from_elements(graph, &[data]).expect("fits");
    let mut runner = EngineRunner::new(graph).expect("runs");
    let calibration = calibrate(graph, &mut runner, &samples, Method::default(), &mut |_, _| ()).expect("calibrated");
    let int8 = affine::quantize(graph, &calibration.table).expect("quantized");
    diagnose(graph, &int8, &samples, &mut |_, _| ()).expect("runs")
}

#[test]
fn an_ordinary_network_has_no_problem() {
    let it = diagnosis(&network(Activation::None, |_| ()));
    let [first, second] = it.layers.as_slice() else { panic!("{it:?}") };
    for layer in [first, second] {
        assert!(layer.sqnr_alone_db.is_some_and(|db| db > 30.0) && !layer.cause.is_problem, "{layer:?}");
        assert_eq!((layer.bits, layer.weight_bytes, layer.channels), (Some(8), 64, 8));
    }
    assert!((first.noise_share + second.noise_share - 1.0).abs() < 1e-9);
    // All together there is at least the noise of the last one.
    assert!(second.sqnr_db < second.sqnr_alone_db, "{second:?}");
    assert_eq!((it.samples, it.alone_samples, it.inputs.len()), (16, 8, 1));
    assert_eq!(it.inputs[0].histogram.counts.iter().sum::<u64>(), 16 * 8);
}

#[test]
fn dead_and_outlying_channels_are_named() {
    let it = diagnosis(&network(Activation::Relu, |weights| weights[16..32].fill(0.0)));
    let cause = &it.layers[0].cause;
    assert_eq!(it.layers[0].dead_channels, [2, 3]);
    assert!(
        cause.is_problem && cause.what.contains("2 of 8 channels are dead") && cause.what.contains("2, 3"),
        "{cause:?}"
    );
    let it = diagnosis(&network(Activation::None, |weights| weights[40..48].iter_mut().for_each(|w| *w *= 40.0)));
    let outlier = it.layers[0].outlier.expect("one is");
    assert!(outlier.channel == 5 && outlier.times > 20.0, "{outlier:?}");
    assert!(it.layers[0].cause.what.starts_with("channel 5 is"), "{:?}", it.layers[0].cause);
}

/// A layer that is fine but for these.
fn layer(change: impl Fn(&mut LayerFacts)) -> LayerFacts {
    let mut layer = diagnosis(&network(Activation::None, |_| ())).layers.swap_remove(0);
    change(&mut layer);
    layer
}

#[test]
fn causes_follow_from_facts() {
    let what = |change: &dyn Fn(&mut LayerFacts)| cause::of(&[layer(change)], 0).what;
    assert!(what(&|layer| layer.clipped = 0.02).starts_with("2.0 % of its results are clipped"));
    let narrow = |layer: &mut LayerFacts| (layer.bits, layer.sqnr_alone_db) = (Some(4), Some(12.0));
    assert!(what(&narrow).contains("only 4 bits, 16 steps"));
    let crest = |layer: &mut LayerFacts| {
        layer.sqnr_alone_db = Some(18.0);
        layer.histogram.counts = vec![1, 1, 1000, 1, 1];
        layer.histogram.counts.resize(48, 0);
    };
    assert!(what(&crest).contains("share 5 of 256 codes"), "{}", what(&crest));
    let quiet = layer(|layer| (layer.sqnr_db, layer.sqnr_alone_db, layer.noise_share) = (Some(15.0), Some(50.0), 0.0));
    let loud = layer(|layer| (layer.node, layer.noise_share) = ("loud".into(), 0.9));
    assert!(cause::of(&[loud, quiet], 1).what.contains("come in from layers before it, most from `loud`"));
}
