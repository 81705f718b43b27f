//! The ways in which a model is compiled, and what is wanted of each model compiled so.
//!
//! A mode is a row of [`MODES`]: nothing else names one. Rows with an option that this version of `kinglet compile` does not
//! have are shown as not there.

/// A way to compile.
pub(super) struct Mode {
    /// For `--mode`.
    pub(super) name: &'static str,
    /// What it is in a table's heading.
    pub(super) what: &'static str,
    /// Options of `kinglet compile` beside the calibration data.
    pub(super) options: &'static [&'static str],
    /// What is wanted, by model and quantity.
    pub(super) wanted: &'static [Wanted],
}

/// What is measured of a compiled model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantity {
    /// Percentage of samples with the float model's decision.
    Agreement,
    /// Top-1 in percent, or the area under the curve times 100.
    Metric,
    /// By how much the metric is below the float model's, in points.
    Drop,
    /// Signal to quantization noise of the output, in decibels.
    Sqnr,
    /// Bytes of the blob against bytes of the int8 weights of the model as it is.
    BlobRatio,
    /// Multiplications against those of the model as it is.
    MacRatio,
    /// Bytes of the blob against those of the model as it is at eight bits.
    BlobOfWhole,
}

/// Every model.
const ALL: &str = "*";

/// Each of the models of `../shared/zoo`.
const ZOO: &str = "zoo";

/// What one quantity of one model, or of several, must be and had better be.
pub(super) struct Wanted {
    pub(super) model: &'static str,
    pub(super) quantity: Quantity,
    pub(super) must: Option<f64>,
    pub(super) goal: Option<f64>,
}

impl Wanted {
    /// Whether it is wanted of a model, and by name.
    pub(super) fn of(&self, model: &str) -> (bool, bool) {
        let in_zoo = ["ad_ae", "har_cnn1d", "ic_resnet8", "kws_dscnn"].contains(&model);
        (self.model == model || self.model == ALL || self.model == ZOO && in_zoo, self.model == model)
    }
}

impl Quantity {
    pub(super) fn name(self) -> &'static str {
        match self {
            Quantity::Agreement => "agreement %",
            Quantity::Metric => "metric",
            Quantity::Drop => "drop, points",
            Quantity::Sqnr => "SQNR dB",
            Quantity::BlobRatio => "blob / int8 weights",
            Quantity::MacRatio => "MACs / all",
            Quantity::BlobOfWhole => "blob / int8 blob",
        }
    }

    /// True when more is better.
    pub(super) fn wants_more(self) -> bool {
        matches!(self, Quantity::Agreement | Quantity::Metric | Quantity::Sqnr)
    }

    /// True when the number of test samples leaves it uncertain by as much as the metric is.
    pub(super) fn is_uncertain(self) -> bool {
        matches!(self, Quantity::Metric | Quantity::Drop)
    }
}

/// What must be, and the goal.
const fn wanted(model: &'static str, quantity: Quantity, must: f64, goal: f64) -> Wanted {
    Wanted { model, quantity, must: Some(must), goal: Some(goal) }
}

const fn goal(model: &'static str, quantity: Quantity, goal: f64) -> Wanted {
    Wanted { model, quantity, must: None, goal: Some(goal) }
}

const fn must(model: &'static str, quantity: Quantity, must: f64) -> Wanted {
    Wanted { model, quantity, must: Some(must), goal: None }
}

use Quantity::{Agreement, BlobOfWhole, BlobRatio, Drop, MacRatio, Metric, Sqnr};

pub(super) const MODES: &[Mode] = &[
    Mode {
        name: "w8a8",
        what: "int8 weights and activations",
        options: &[],
        wanted: &[
            wanted("ic_resnet8", Agreement, 97.2, 97.8),
            wanted("kws_dscnn", Agreement, 98.8, 99.3),
            wanted("har_cnn1d", Agreement, 99.6, 99.8),
            wanted("ad_ae", Drop, 0.2, 0.2),
            wanted(ALL, Drop, 0.5, 0.3),
            wanted(ZOO, BlobRatio, 1.20, 1.16),
        ],
    },
    Mode {
        name: "w4a8",
        what: "4-bit weights",
        options: &["--bits", "4"],
        wanted: &[
            wanted("kws_dscnn", Metric, 84.0, 84.5),
            wanted("kws_dscnn", Agreement, 95.0, 96.0),
            wanted("ic_resnet8", Metric, 74.0, 76.0),
            must("ic_resnet8", Agreement, 91.0),
            wanted("ad_ae", Metric, 95.0, 95.05),
            must("ad_ae", Sqnr, 22.0),
            wanted("har_cnn1d", Agreement, 98.0, 99.0),
            wanted(ZOO, BlobRatio, 0.70, 0.64),
        ],
    },
    Mode { name: "w3a8", what: "3-bit weights", options: &["--bits", "3"], wanted: &[] },
    Mode {
        name: "w2a8",
        what: "2-bit weights",
        options: &["--bits", "2"],
        wanted: &[must("har_cnn1d", Metric, 79.0), must("har_cnn1d", Agreement, 91.0)],
    },
    Mode { name: "auto", what: "widths chosen for each layer", options: &["--bits", "auto"], wanted: &[] },
    Mode {
        name: "auto5.6",
        what: "widths chosen for each layer, 5.6 bits on average: 70 % of the bytes of int8",
        options: &["--bits", "auto", "--average-bits", "5.6"],
        wanted: &[must("ic_resnet8", Metric, 76.0), goal(ZOO, Drop, 0.3)],
    },
    Mode {
        name: "auto3",
        what: "widths chosen for each layer, 3 bits on average",
        options: &["--bits", "auto", "--average-bits", "3"],
        wanted: &[wanted("kws_dscnn", Metric, 82.0, 83.0), wanted("ic_resnet8", Metric, 73.0, 74.0)],
    },
    Mode {
        name: "sparse50",
        what: "half of the weights zero",
        options: &["--sparsity", "50"],
        wanted: &[
            wanted("kws_dscnn", Metric, 81.0, 84.5),
            wanted("har_cnn1d", Metric, 78.5, 79.0),
            wanted("ic_resnet8", Metric, 66.0, 70.0),
            goal("kws_dscnn", Agreement, 90.0),
            wanted(ALL, BlobOfWhole, 0.80, 0.72),
        ],
    },
    Mode {
        name: "channels30",
        what: "30 % fewer multiplications by fewer channels",
        options: &["--channels", "30"],
        wanted: &[
            wanted("kws_dscnn", Metric, 80.0, 83.5),
            wanted("har_cnn1d", Metric, 78.0, 79.0),
            goal("ic_resnet8", Metric, 72.0),
            must(ALL, MacRatio, 0.70),
        ],
    },
];
