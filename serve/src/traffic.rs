//! Which version answers: the one that is named, or else the stable one, with a candidate beside it that answers a share of
//! the requests (split) or gets copies of them whose answers nobody but the metrics sees (shadow).

use core::hash::{Hash, Hasher};
use core::sync::atomic::{AtomicU32, Ordering};
use std::collections::hash_map::DefaultHasher;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::failure::Failure;
use crate::metrics::Metrics;
use crate::model::Served;
use crate::protocol::{Answer, Datatype, Request, Tensor};
use crate::repository::Repository;

/// Copies under way at once.
const SHADOWS: usize = 16;
/// Outputs of one element agree when they differ by less than this share.
const TOLERANCE: f32 = 0.05;

/// Chooses versions.
#[derive(Debug)]
pub struct Traffic {
    split: AtomicU32,
    shadow: AtomicU32,
    shadows: Arc<Semaphore>,
}

impl Default for Traffic {
    fn default() -> Self {
        let shadows = Arc::new(Semaphore::new(SHADOWS));
        Traffic { split: AtomicU32::new(0), shadow: AtomicU32::new(0), shadows }
    }
}

/// True for a share of the calls, spread evenly: the counter's step is the golden ratio.
fn falls(counter: &AtomicU32, share: f64) -> bool {
    let place = counter.fetch_add(0x9e37_79b9, Ordering::Relaxed);
    f64::from(place) / 4_294_967_296.0 < share
}

/// The same for a sequence, which stays with its version.
fn falls_by_name(name: &str, share: f64) -> bool {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    let [a, b, c, d, ..] = hasher.finish().to_le_bytes();
    f64::from(u32::from_le_bytes([a, b, c, d])) / 4_294_967_296.0 < share
}

impl Traffic {
    /// Answers a request.
    pub async fn infer(
        &self,
        repository: &Repository,
        model: &str,
        version: &str,
        request: Request,
    ) -> Result<Answer, Failure> {
        let catalog = repository.catalog();
        let stable = catalog.version(model, version)?;
        let entry = catalog.model(model)?;
        let candidate = entry.candidate().filter(|candidate| version.is_empty() && !Arc::ptr_eq(candidate, stable));
        let Some(candidate) = candidate else { return stable.infer(&request).await };
        let split = entry.aliases().split;
        let is_split = match &request.sequence {
            Some(sequence) => falls_by_name(&sequence.id, split),
            None => falls(&self.split, split),
        };
        if is_split {
            return candidate.infer(&request).await;
        }
        let answer = stable.infer(&request).await?;
        // A copy of a sequence would have to begin where the sequence does.
        if request.sequence.is_none() && falls(&self.shadow, entry.aliases().shadow) {
            self.shadow(Arc::clone(candidate), Arc::clone(repository.metrics()), request, answer.clone());
        }
        Ok(answer)
    }

    fn shadow(&self, candidate: Arc<Served>, metrics: Arc<Metrics>, request: Request, stable: Answer) {
        let labels = candidate.labels();
        let Ok(permit) = Arc::clone(&self.shadows).try_acquire_owned() else {
            metrics.shadow_dropped(&labels);
            return;
        };
        tokio::spawn(async move {
            let _permit = permit;
            match candidate.infer(&request).await {
                Ok(answer) => metrics.shadowed(&labels, agree(&stable, &answer)),
                // It has failed where the stable version has not.
                Err(failure) if failure.kind == crate::failure::Kind::Busy => metrics.shadow_dropped(&labels),
                Err(_) => metrics.shadowed(&labels, false),
            }
        });
    }
}

/// Whether two answers say the same: the same place is the largest of each row of an output, or, where a row is one number,
/// the numbers are near each other.
fn agree(a: &Answer, b: &Answer) -> bool {
    let pairs = a.outputs.iter().zip(&b.outputs);
    a.outputs.len() == b.outputs.len() && pairs.into_iter().all(|((a, _), (b, _))| rows_agree(a, b))
}

fn rows_agree(a: &Tensor, b: &Tensor) -> bool {
    let (a_values, b_values) = (values(a), values(b));
    let row = a.shape.last().copied().and_then(|len| usize::try_from(len).ok()).unwrap_or(1).max(1);
    if a_values.len() != b_values.len() {
        return false;
    }
    a_values.chunks(row).zip(b_values.chunks(row)).all(|(a, b)| match (a, b) {
        ([a], [b]) => (a - b).abs() <= TOLERANCE * a.abs().max(1.0),
        _ => largest(a) == largest(b),
    })
}

fn largest(row: &[f32]) -> Option<usize> {
    (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]).then(b.cmp(&a)))
}

#[allow(clippy::cast_precision_loss, reason = "for comparison")]
fn values(tensor: &Tensor) -> Vec<f32> {
    let elements = tensor.content.chunks_exact(tensor.datatype.size_bytes());
    let value = |bytes: &[u8]| match tensor.datatype {
        Datatype::Fp32 => f32::from_le_bytes(bytes.try_into().unwrap_or_default()),
        other => other.integer(bytes).unwrap_or_default() as f32,
    };
    elements.map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_that_share() {
        for share in [0.0, 0.1, 0.5, 1.0] {
            let counter = AtomicU32::new(0);
            let fallen = (0..1000).filter(|_| falls(&counter, share)).count();
            let by_name = (0..1000).filter(|index| falls_by_name(&index.to_string(), share)).count();
            let wanted = 1000.0 * share;
            assert!((fallen as f64 - wanted).abs() <= 2.0, "{share}: {fallen}");
            assert!((by_name as f64 - wanted).abs() <= 60.0, "{share}: {by_name}");
        }
    }

    #[test]
    fn answers_agree_when_they_say_the_same() {
        let answer = |shape: &[i64], values: &[f32]| {
            let content: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            let (name, shape) = ("y".to_owned(), shape.to_vec());
            let tensor = Tensor { name, datatype: Datatype::Fp32, shape, content: content.into() };
            Answer { model: String::new(), version: String::new(), id: String::new(), outputs: vec![(tensor, false)] }
        };
        let two = |values: &[f32]| answer(&[2, 2], values);
        assert!(agree(&two(&[0.1, 0.9, 0.6, 0.4]), &two(&[0.3, 0.7, 0.9, 0.1])));
        assert!(!agree(&two(&[0.1, 0.9, 0.6, 0.4]), &two(&[0.3, 0.7, 0.1, 0.9])));
        assert!(agree(&answer(&[1, 1], &[10.0]), &answer(&[1, 1], &[10.2])));
        assert!(!agree(&answer(&[1, 1], &[10.0]), &answer(&[1, 1], &[12.0])));
        assert!(!agree(&two(&[0.1, 0.9, 0.6, 0.4]), &answer(&[1, 2], &[0.1, 0.9])));
    }
}
