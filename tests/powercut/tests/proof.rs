//! A hundred thousand cuts, and every seeded bug.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use kinglet_powercut::geometry::ALL;
use kinglet_powercut::proof::{Job, Tally, catch};
use kinglet_slots::Fault;

/// `work` on every index below `count`, a thread for each core; the results in any order.
fn side_by_side<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let each = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Relaxed);
            if index >= count {
                return done;
            }
            done.push(work(index));
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(each)).collect();
        running.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    })
}

#[test]
fn nothing_breaks_wherever_the_power_goes() {
    let job = Job { seed: 1, cuts: 3_600, pairs: 900, fault: None };
    let tallies: Vec<Tally> = side_by_side(ALL.len(), |index| (ALL[index].prove)(&ALL[index], &job));
    let cuts = tallies.iter().map(|tally| tally.cuts).sum::<u64>();
    let findings: Vec<_> = tallies.into_iter().filter_map(|tally| tally.finding).collect();
    assert!(findings.is_empty(), "{findings:#?}");
    assert!(cuts >= 100_000, "{cuts} cuts");
    println!("{cuts} cuts on {} geometries", ALL.len());
}

#[test]
fn every_seeded_bug_is_caught() {
    let caught = side_by_side(Fault::ALL.len(), |index| (Fault::ALL[index], catch(Fault::ALL[index], 1).is_some()));
    let escaped: Vec<Fault> = caught.into_iter().filter(|(_, caught)| !caught).map(|(fault, _)| fault).collect();
    assert!(escaped.is_empty(), "{escaped:?}");
}
