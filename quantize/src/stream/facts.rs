//! What is to be said about a stream.

use core::fmt;

use serde::Serialize;

use super::measure::Difference;
use crate::digits::grouped;

/// A model over a stream, beside the same model over a window. The field names are the JSON's.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Stream {
    /// The axis of the input that is time.
    pub axis: usize,
    /// Frames of a run.
    pub hop: usize,
    /// Frames of the model's window.
    pub window: usize,
    /// Frames that results wait for, because of what is behind a row.
    pub delay_frames: usize,
    /// Layers that look at what is behind a row.
    pub behind: Vec<Behind>,
    /// Operators that compute on all rows of a window in each run.
    pub whole: Vec<Whole>,
    /// Layers that keep their state from run to run, whatever the window was.
    pub endless: Vec<String>,
    /// Rows of a window that depend on its padding, in a stream on the signal.
    pub edges: Vec<Edge>,
    /// When outputs come.
    pub outputs: Vec<Output>,
    /// Bytes that are kept from run to run.
    pub state_bytes: usize,
    /// Multiplications of a run.
    pub macs: u64,
    /// Multiplications of the model over a window.
    pub macs_window: u64,
    /// How far results are from those of the model over a window, where data were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
}

/// A layer that looks at what is behind a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Behind {
    /// The source model's name of it.
    pub node: String,
    /// Frames that it waits for.
    pub frames: usize,
}

/// An operator that computes on all rows of a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Whole {
    /// The source model's name of it.
    pub node: String,
    /// Its operator.
    pub op: &'static str,
    /// How many rows.
    pub rows: usize,
    /// Why.
    pub why: &'static str,
}

/// Rows of a window that depend on its padding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// Who reads them: a node, or an output.
    pub reader: String,
    /// Rows of a window.
    pub rows: usize,
    /// How many of them at its start.
    pub first: usize,
    /// How many of them at its end.
    pub last: usize,
}

/// When an output comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Output {
    /// The source model's name.
    pub name: String,
    /// Rows of a run; absent when a run computes all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
    /// Frames from a row to the next, or from a run to the next.
    pub stride: usize,
    /// How many rows the newest row of a run is behind the newest that there would be without delay; or, of an output
    /// that a run computes at once, how many frames before the end of a run its window begins.
    pub offset: isize,
    /// The first run, counted from zero, with a window full of the signal; or with a row of it.
    pub first_run: usize,
    /// Rows at the start of the signal that are not those of the model over all of it; none of an output that a run
    /// computes at once, whose first run leaves them out.
    pub unlike: usize,
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stream { hop, window, macs, macs_window, .. } = self;
        let frames = |count: usize| if count == 1 { "1 frame".to_owned() } else { format!("{count} frames") };
        write!(f, "\n  stream     {} a run, the window had {window}", frames(*hop))?;
        if *macs > 0 {
            let times = *macs_window as f64 / *macs as f64;
            write!(
                f,
                "; {} MACs a run, the window had {}, {times:.1} times as many",
                grouped(*macs),
                grouped(*macs_window)
            )?;
        }
        write!(f, "\n  kept       {} bytes from run to run", grouped(self.state_bytes as u64))?;
        write!(f, "\n  delay      {}", frames(self.delay_frames))?;
        for (index, Behind { node, frames }) in self.behind.iter().enumerate() {
            write!(f, "{} `{node}` waits for {frames}", if index == 0 { ":" } else { "," })?;
        }
        for Edge { reader, rows, first, last } in &self.edges {
            write!(
                f,
                "\n  edges      of {rows} rows of `{reader}` the first {first} and the last {last} see the signal where"
            )?;
            write!(f, " a window has padding")?;
        }
        for Whole { node, op, rows, why } in &self.whole {
            write!(f, "\n  whole      `{node}` ({op}) {why}: all {rows} rows in each run")?;
        }
        for node in &self.endless {
            write!(f, "\n  endless    `{node}` keeps its state; in a window it begins afresh")?;
        }
        for Output { name, first_run, unlike, .. } in &self.outputs {
            write!(f, "\n  output     `{name}`: the first run that counts is run {first_run} (of 0, 1, ..)")?;
            if *unlike > 0 {
                write!(f, "; its first {unlike} rows are not those of the model over all of the signal")?;
            }
        }
        if let Some(difference) = &self.difference {
            write!(f, "{difference}")?;
        }
        Ok(())
    }
}
