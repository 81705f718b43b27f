//! Facts about a layer in words.

use serde::Serialize;

use super::LayerFacts;

/// Why a layer makes the noise that it makes, and what to do about it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Cause {
    /// Whether somebody should look at it.
    pub is_problem: bool,
    /// A sentence.
    pub what: String,
    /// A sentence.
    pub remedy: String,
}

/// A layer with more noise at the output than this is one that people notice in results.
const NOISY_DB: f64 = 30.0;

/// From which part of all noise on a layer is said to make most of it.
const MOST: f64 = 0.4;

/// From which part of its channels on dead ones are a matter.
const DEAD_MIN: f64 = 0.125;

/// From which share on clipping is a matter.
const CLIPPED_MIN: f64 = 0.005;

/// Where fewer than so many of 256 codes hold the middle of a distribution, few elements decide the range.
const CODES_MIN: f64 = 16.0;

/// The cause of `layers[index]`; what is most wrong comes first.
pub(super) fn of(layers: &[LayerFacts], index: usize) -> Cause {
    let Some(layer) = layers.get(index) else { return Cause::default() };
    let alone = layer.sqnr_alone_db.unwrap_or(f64::INFINITY);
    let matters = alone < NOISY_DB || layer.noise_share >= MOST;
    dead(layer)
        .or_else(|| narrow(layer, alone).filter(|_| matters))
        .or_else(|| clipped(layer))
        .or_else(|| outlier(layer).filter(|_| matters))
        .or_else(|| crest(layer).filter(|_| matters))
        .or_else(|| carried(layers, index, alone))
        .unwrap_or_else(|| ordinary(layer, alone))
}

fn problem(what: String, remedy: &str) -> Option<Cause> {
    Some(Cause { is_problem: true, what, remedy: remedy.into() })
}

/// Channels that are always 0.
fn dead(layer: &LayerFacts) -> Option<Cause> {
    let (dead, channels) = (layer.dead_channels.len(), layer.channels);
    if channels < 2 || (dead as f64) < DEAD_MIN * channels as f64 {
        return None;
    }
    if dead == channels {
        return problem(
            format!("all {channels} channels of its result are 0 for every sample: nothing passes this layer"),
            "check the calibration data (its scale first), then the model: training may have killed the layer",
        );
    }
    let list: Vec<String> = layer.dead_channels.iter().take(6).map(usize::to_string).collect();
    let more = if dead > list.len() { ", ..." } else { "" };
    problem(
        format!("{dead} of {channels} channels are dead: 0 for every sample (channels {}{more})", list.join(", ")),
        "give calibration data of every kind that the model knows; if they stay 0, training killed them: retrain with a \
         smaller learning rate, or remove them",
    )
}

/// Weights of few bits.
fn narrow(layer: &LayerFacts, alone: f64) -> Option<Cause> {
    let bits = layer.bits.filter(|bits| *bits < 8)?;
    problem(
        format!(
            "its weights have only {bits} bits, {} steps: with nothing else in integers the output already has {alone:.0} dB \
             only",
            1u32 << bits
        ),
        &format!("give this layer 8 bits: `--layer-bits {}=8`", layer.node),
    )
}

/// Results beyond all codes.
fn clipped(layer: &LayerFacts) -> Option<Cause> {
    let [low, high] = layer.range;
    (layer.clipped >= CLIPPED_MIN).then_some(())?;
    problem(
        format!(
            "{:.1} % of its results are clipped: they go from {low:.3} to {high:.3}, the codes from {:.3} to {:.3}",
            layer.clipped * 100.0,
            layer.codes[0],
            layer.codes[1]
        ),
        "calibrate with more and more typical samples, or with `--range min-max`",
    )
}

/// One channel that decides the range of all.
fn outlier(layer: &LayerFacts) -> Option<Cause> {
    let outlier = layer.outlier?;
    let left = 256.0 / outlier.times;
    problem(
        format!(
            "channel {} is {:.0} times as large as the channel in the middle, so most channels have about {left:.0} of 256 \
             codes",
            outlier.channel, outlier.times
        ),
        "try `--range mse`; if the accuracy matters more than this channel, retrain with weight decay or batch \
         normalization before this layer",
    )
}

/// Few elements far from all others.
fn crest(layer: &LayerFacts) -> Option<Cause> {
    let counts = &layer.histogram.counts;
    let all: u64 = counts.iter().sum();
    // The fewest neighboring bars that hold nine tenths of all elements.
    let mut least = counts.len();
    for first in 0..counts.len() {
        let mut held = 0;
        let reached = counts.iter().skip(first).position(|count| {
            held += count;
            held * 10 >= all * 9
        });
        if let Some(reached) = reached {
            least = least.min(reached + 1);
        }
    }
    let codes = 256.0 * least as f64 / counts.len().max(1) as f64;
    if codes >= CODES_MIN || all == 0 {
        return None;
    }
    problem(
        format!("nine tenths of its results share {codes:.0} of 256 codes: a few large ones decide the range"),
        "try `--range mse` or `--range percentile:99.9`",
    )
}

/// Noise that came in.
fn carried(layers: &[LayerFacts], index: usize, alone: f64) -> Option<Cause> {
    let layer = layers.get(index)?;
    let noisy = layer.sqnr_db.filter(|db| *db < NOISY_DB && alone > db + 3.0)?;
    let before = layers.get(..index)?;
    let source = before.iter().max_by(|a, b| a.noise_share.total_cmp(&b.noise_share))?;
    (source.noise_share > layer.noise_share).then(|| Cause {
        is_problem: false,
        what: format!("its {noisy:.0} dB come in from layers before it, most from `{}`", source.node),
        remedy: format!("nothing here: see `{}`", source.node),
    })
}

/// What is said of all others.
fn ordinary(layer: &LayerFacts, alone: f64) -> Cause {
    let nothing = "nothing to do".to_owned();
    if layer.sqnr_alone_db.is_none() {
        let what = "it passes on what it gets: no noise of its own was measured".into();
        return Cause { is_problem: false, what, remedy: nothing };
    }
    if alone < NOISY_DB || layer.noise_share >= MOST {
        let what = format!(
            "rounding to 256 steps, with nothing unusual in its data: {:.0} % of all noise is made here",
            layer.noise_share * 100.0
        );
        let remedy =
            "if the accuracy does not do, try `--range mse`; this layer would gain most from wider codes".into();
        return Cause { is_problem: false, what, remedy };
    }
    Cause { is_problem: false, what: format!("rounding alone, {alone:.0} dB at the output"), remedy: nothing }
}
