//! What to make of a model.

use std::path::PathBuf;

use kinglet_kernels::packing::Storage;

use crate::calibrate::RangeMethod;
use crate::data::Preparation;
use crate::data::npy::Array;
use crate::import::Changes;
use crate::shrink::Bits;
use crate::stream;
use crate::stripe::Ram;
use crate::target::Target;
use crate::tune::Equalize;

/// What to make of a model.
#[derive(Clone, Debug)]
pub struct Options {
    /// The machine.
    pub target: Target,
    /// Samples of the model's inputs (`.npz`, `.npy`): a float model becomes int8.
    pub calibration: Option<PathBuf>,
    /// Those samples, where they are in memory and not in a file; errors call them by the path all the same.
    pub calibration_arrays: Option<Vec<Array>>,
    /// How data is prepared: the samples, and by default whatever the blob is run on.
    pub preparation: Preparation,
    /// How ranges are chosen from the samples.
    pub range_method: RangeMethod,
    /// Ranges include samples that alone decide them.
    pub keep_outliers: bool,
    /// Takes from biases what rounding the weights adds to a layer's results on average.
    pub correct_biases: bool,
    /// Whether channels between layers are brought to like magnitudes.
    pub equalize: Equalize,
    /// Weights of eight bits are the nearest codes, whatever the others are.
    pub nearest: bool,
    /// In how many bits weights are.
    pub bits: Bits,
    /// Layers whose bits are given, by the names of their nodes in the source model.
    pub layer_bits: Vec<(String, Storage)>,
    /// Prunes channels of a float model until so many percent of its layers' multiplications are gone.
    pub channels: Option<f64>,
    /// Makes so many percent of the layers' weights zero.
    pub sparsity: Option<f64>,
    /// Test vectors to put into the blob; of [`Options::golden_data`] at most so many.
    pub golden: usize,
    /// Where the test vectors' inputs come from, if not from the calibration data or from nowhere.
    pub golden_data: Option<GoldenData>,
    /// Put what the model sees and says on the calibration data into the blob, for who watches it in the field.
    pub baseline: bool,
    /// Working memory that the model must fit; first layers are computed in stripes if it does not otherwise.
    pub ram: Option<Ram>,
    /// Removes work whose result is constant from int8 models. Every output bit stays as it is.
    pub eliminate: bool,
    /// Leaves weights out of the blob that are zero, where that makes it smaller; running it takes more instructions.
    pub leave_out_zeros: bool,
    /// Find out where noise comes from, for [`Report::diagnosis`](crate::report::Report::diagnosis).
    pub diagnose: bool,
    /// Layers that go over time keep their states from run to run.
    pub stateful: bool,
    /// Runs are given some frames of a signal, and not the window that the model was made for.
    pub stream: Option<stream::Request>,
    /// Windows on which a stream is compared with the model, where the calibration data are not to be used.
    pub stream_data: Option<GoldenData>,
    /// Look into what elimination left and why, for [`Compiled::passes`](super::Compiled::passes).
    pub explain: bool,
    /// The model's name; the file's when absent.
    pub name: Option<String>,
    /// The model's own version.
    pub version: String,
    /// Names of the classes.
    pub labels: Vec<String>,
    /// What is wanted of the model beyond its file.
    pub changes: Changes,
}

/// Inputs of test vectors, in files. Of a model with state they are the steps of one sequence.
#[derive(Clone, Debug)]
pub struct GoldenData {
    /// One for each input in the model's order, or one `.npz` with all of them by name.
    pub files: Vec<PathBuf>,
    /// `.npy` files hold the blob's own type instead of reals.
    pub is_raw: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            target: Target::Portable,
            calibration: None,
            calibration_arrays: None,
            preparation: Preparation::default(),
            range_method: RangeMethod::default(),
            keep_outliers: false,
            correct_biases: true,
            equalize: Equalize::default(),
            nearest: false,
            bits: Bits::default(),
            layer_bits: Vec::new(),
            channels: None,
            sparsity: None,
            golden: 0,
            golden_data: None,
            baseline: false,
            ram: None,
            eliminate: true,
            leave_out_zeros: false,
            diagnose: false,
            stateful: false,
            stream: None,
            stream_data: None,
            explain: false,
            name: None,
            version: String::new(),
            labels: Vec::new(),
            changes: Changes::default(),
        }
    }
}
