//! Every pass keeps a graph's meaning: small graphs before and after, one for each thing a pass does or must
//! not do, and thousands of random ones.

mod fuse;
mod layout;
mod models;
mod random;

use super::{PassReport, optimize};
use crate::ir::sketch::assert_close;
use crate::ir::{Graph, interpret};

/// Optimizes a copy of `graph`, checks that it still computes the same, and gives it back with the reports.
fn optimized(graph: &Graph) -> (Graph, Vec<PassReport>) {
    let mut after = graph.clone();
    let reports = optimize(&mut after).expect("the graph is optimized");
    for seed in 0..3 {
        let sample = graph.sample(seed);
        let expected = interpret(graph, &sample).expect("a float graph");
        let found = interpret(&after, &sample).expect("a float graph");
        assert_close(&found, &expected, 1e-5, &format!("seed {seed}, before\n{graph}after\n{after}"));
    }
    (after, reports)
}

/// The operators left after optimizing.
fn operators_after(graph: &Graph) -> Vec<&'static str> {
    optimized(graph).0.operators()
}

/// What the pass `pass` says it could not do.
fn misses(reports: &[PassReport], pass: &str) -> Vec<String> {
    let report = reports.iter().find(|report| report.pass == pass).expect("a report for each pass");
    report.misses.iter().map(|note| note.what.clone()).collect()
}
