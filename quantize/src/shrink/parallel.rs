//! All cores of the host, with results in their order: nothing that is computed depends on how many there are.

use core::num::NonZero;
use core::sync::atomic::{AtomicUsize, Ordering};

/// How many threads there are for `count` pieces of work.
fn threads(count: usize) -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get).min(count).max(1)
}

/// `work` for every index below `count`; each thread takes the next that nobody has.
pub(super) fn map<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let take = || next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |at| (at < count).then_some(at + 1)).ok();
    let part = || {
        let mut done = Vec::new();
        while let Some(index) = take() {
            done.push((index, work(index)));
        }
        done
    };
    let mut all: Vec<(usize, T)> = scoped(threads(count), |_| part()).into_iter().flatten().collect();
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, result)| result).collect()
}

/// `work` for consecutive parts of `0..count`, one for each thread.
pub(super) fn parts<T: Send>(count: usize, work: impl Fn(core::ops::Range<usize>) -> T + Sync) -> Vec<T> {
    let threads = threads(count);
    scoped(threads, |thread| work(thread * count / threads..(thread + 1) * count / threads))
}

fn scoped<T: Send>(threads: usize, part: impl Fn(usize) -> T + Sync) -> Vec<T> {
    if threads == 1 {
        return vec![part(0)];
    }
    std::thread::scope(|scope| {
        let part = &part;
        let workers: Vec<_> = (0..threads).map(|thread| scope.spawn(move || part(thread))).collect();
        // A panic of a worker is a defect, and goes on here.
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_work() {
        assert_eq!(map(1000, |index| index * index), (0..1000).map(|index| index * index).collect::<Vec<_>>());
        assert_eq!(map(0, |index| index), [0; 0]);
        assert_eq!(parts(10, |range| range.len()).into_iter().sum::<usize>(), 10);
    }
}
