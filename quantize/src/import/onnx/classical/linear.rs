//! Linear models.

use super::super::attributes::Call;
use super::super::{Entry, Importer};
use super::labels::{Labels, Pair, Transform};
use super::{EXPORT_AGAIN, floats};
use crate::import::build::{Convert, refuse};

/// A label and scores. One score of two classes is above zero for the second.
pub(super) fn classifier(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Vec<Entry>> {
    let (x, [_, features]) = importer.features(call, 0)?;
    let transform = Transform::of(call)?;
    let (coefficients, intercepts) = (floats(call, "coefficients")?, floats(call, "intercepts")?);
    let count = intercepts.len();
    if count == 0 {
        return refuse("has no intercepts", EXPORT_AGAIN);
    }
    let scores = importer.dense(call, x, (vec![count, features], coefficients.to_vec()), intercepts.to_vec())?;
    let labels = Labels::of(call, "classlabels_ints", "classlabels_strings")?;
    if count > 1 {
        labels.expect(count)?;
        let index = importer.greatest(call, scores)?;
        let label = importer.label(call, index, &labels)?;
        return Ok(vec![label, Entry::Value(importer.transformed(call, scores, transform)?)]);
    }
    labels.expect(2)?;
    let index = importer.above(call, scores, 0.0)?;
    let label = importer.label(call, index, &labels)?;
    Ok(vec![label, Entry::Value(importer.paired(call, scores, Pair::Complement, transform)?)])
}

/// As many numbers as it has targets.
pub(super) fn regressor(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let (x, [_, features]) = importer.features(call, 0)?;
    let transform = Transform::of(call)?;
    let targets = call.extent("targets")?;
    let coefficients = floats(call, "coefficients")?;
    let intercepts = match floats(call, "intercepts")? {
        [] => vec![0.0; targets],
        all => all.to_vec(),
    };
    let y = importer.dense(call, x, (vec![targets, features], coefficients.to_vec()), intercepts)?;
    // One number stays as it is.
    let transform = if targets == 1 { Transform::None } else { transform };
    Ok(Entry::Value(importer.transformed(call, y, transform)?))
}
