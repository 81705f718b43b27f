//! Operators of the domain `ai.onnx.ml`: what converters write for models of scikit-learn, XGBoost and LightGBM.
//!
//! All but trees are taken apart into operators that a device has anyway. A class of a text is its place in the list of
//! classes, which goes into the manifest. Where the standard is vague, the meaning is that of onnxruntime.
//!
//! ```text
//! labels.rs    classes, their names, and scores as probabilities
//! linear.rs    linear models
//! scale.rs     what changes features one by one, or their scale together
//! encode.rs    features that are categories, and features that are chosen
//! support.rs   support vectors
//! distance.rs  distances from known points, however they are written
//! trees.rs     trees
//! ```

mod distance;
mod encode;
mod labels;
mod linear;
mod scale;
mod support;
mod trees;

use super::Importer;
use super::attributes::Call;
use super::operator::Row;
use crate::import::build::{Convert, refuse};
use crate::import::finite;
use crate::ir::{Activation, DType, Elements, ValueId};
use crate::op::{FullyConnected, Function};

pub(super) use distance::{microsoft as cdist, scan};

const EXPORT_AGAIN: &str = "export the model again";

/// The name of the domain.
pub(super) const DOMAIN: &str = "ai.onnx.ml";

/// Every operator of the domain that is read.
pub(super) const ROWS: &[Row] = &[
    Row::one("Scaler", scale::scaler),
    Row::one("Normalizer", scale::normalizer),
    Row::one("Imputer", scale::imputer),
    Row::one("Binarizer", scale::binarizer),
    Row::one("OneHotEncoder", encode::one_hot),
    Row::one("LabelEncoder", encode::label_encoder),
    Row::one("FeatureVectorizer", encode::feature_vectorizer),
    Row::one("ArrayFeatureExtractor", encode::array_feature_extractor),
    Row::one("ZipMap", encode::zip_map),
    Row::several("LinearClassifier", linear::classifier),
    Row::one("LinearRegressor", linear::regressor),
    Row::several("SVMClassifier", support::classifier),
    Row::one("SVMRegressor", support::regressor),
    Row::several("TreeEnsembleClassifier", trees::classifier),
    Row::one("TreeEnsembleRegressor", trees::regressor),
    Row::one("TreeEnsemble", trees::ensemble),
];

impl Importer<'_> {
    /// Operand `index` as rows of float features, `[rows, features]`.
    fn features(&mut self, call: &Call<'_>, index: usize) -> Convert<(ValueId, [usize; 2])> {
        let x = call.value(index)?;
        let x = self.cast(&format!("{}/features", call.name), x, DType::F32)?;
        match *self.shape(x).as_slice() {
            [rows, features] => Ok((x, [rows, features])),
            [features] => {
                let x = self.builder.reshape(&format!("{}/row", call.name), x, vec![1, features])?;
                Ok((x, [1, features]))
            }
            ref shape => refuse(format!("operand {shape:?} is no table of features"), "use [batch, features]"),
        }
    }

    /// A float constant of the operator's own.
    fn own_floats(&mut self, call: &Call<'_>, name: &str, shape: Vec<usize>, numbers: Vec<f32>) -> Convert<ValueId> {
        self.budget.charge(numbers.len(), 4)?;
        self.builder.constant(&format!("{}/{name}", call.name), shape, Elements::F32(numbers))
    }

    /// A function of `x` and one number.
    fn with_number(&mut self, call: &Call<'_>, function: Function, x: ValueId, number: f32) -> Convert<ValueId> {
        let name = format!("{}/{}", call.name, function.name());
        let number = self.own_floats(call, "number", vec![1], vec![number])?;
        self.combined(&name, function, [x, number])
    }

    /// `weights [outputs, features]` times each row, and a bias.
    fn dense(
        &mut self,
        call: &Call<'_>,
        x: ValueId,
        weights: (Vec<usize>, Vec<f32>),
        bias: Vec<f32>,
    ) -> Convert<ValueId> {
        let name = format!("{}/products", call.name);
        let (shape, weights) = weights;
        if shape.iter().product::<usize>() != weights.len() || bias.len() != shape[0] {
            let problem = format!("has {} coefficients and {} intercepts for {shape:?}", weights.len(), bias.len());
            return refuse(problem, EXPORT_AGAIN);
        }
        let outputs = shape[0];
        let weights = self.own_floats(call, "coefficients", shape, weights)?;
        let mut operands = vec![x, weights];
        if bias.iter().any(|&bias| bias != 0.0) {
            operands.push(self.own_floats(call, "intercepts", vec![outputs], bias)?);
        }
        self.apply(&name, FullyConnected { activation: Activation::None }.into(), operands)
    }
}

/// The floats of an attribute; none where it is left out.
fn floats<'c>(call: &'c Call<'_>, name: &str) -> Convert<&'c [f32]> {
    let floats = call.floats(name)?.unwrap_or_default();
    match finite::refusal(&format!("attribute `{name}`"), floats) {
        None => Ok(floats),
        Some(refusal) => Err(refusal),
    }
}

/// The floats of an attribute that is one number for all of `count`, or one for each.
fn each(call: &Call<'_>, name: &str, count: usize) -> Convert<Vec<f32>> {
    match floats(call, name)? {
        [one] => Ok(vec![*one; count]),
        all if all.len() == count => Ok(all.to_vec()),
        all => refuse(format!("attribute `{name}` has {} numbers for {count} features", all.len()), EXPORT_AGAIN),
    }
}
