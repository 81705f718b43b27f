//! Reads what the counter wrote: windows, some inside others.

use anyhow::{Context, Result, bail, ensure};

/// Counts at one marker, or differences between two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) instructions: u64,
    pub(crate) loads: u64,
    pub(crate) stores: u64,
    pub(crate) vector: u64,
}

/// What was executed between a begin and an end marker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) counts: Counts,
    /// Windows within this one, in order.
    pub(crate) inner: Vec<Window>,
    /// Instructions from the begin marker to each tick.
    pub(crate) ticks: Vec<u64>,
}

/// The outermost windows in the order in which they were opened.
pub(crate) fn parse(text: &str) -> Result<Vec<Window>> {
    let mut outermost = Vec::new();
    let mut open: Vec<(Counts, Window)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let (marker, at) = parse_line(line).with_context(|| format!("line {} of the counts: {line}", index + 1))?;
        match marker {
            "begin" => open.push((at, Window::default())),
            "tick" => {
                let (begin, window) = open.last_mut().context("a tick outside of any window")?;
                window.ticks.push(between(*begin, at)?.instructions);
            }
            "end" => {
                let (begin, mut window) = open.pop().context("a window is closed that was not opened")?;
                window.counts = between(begin, at)?;
                match open.last_mut() {
                    Some((_, outer)) => outer.inner.push(window),
                    None => outermost.push(window),
                }
            }
            _ => bail!("line {} of the counts: {line}", index + 1),
        }
    }
    ensure!(open.is_empty(), "a window was not closed: the image stopped inside it");
    Ok(outermost)
}

fn parse_line(line: &str) -> Result<(&str, Counts)> {
    let mut words = line.split(' ');
    let marker = words.next().unwrap_or("");
    let mut number = || words.next().context("a number is missing")?.parse::<u64>().context("a number was expected");
    let counts = Counts { instructions: number()?, loads: number()?, stores: number()?, vector: number()? };
    Ok((marker, counts))
}

/// The marker at `at` is in its own count, the one at `begin` as well: what lies between is one less.
fn between(begin: Counts, at: Counts) -> Result<Counts> {
    let difference = |later: u64, earlier: u64| later.checked_sub(earlier).context("the counts run backwards");
    let instructions = difference(at.instructions, begin.instructions)?;
    Ok(Counts {
        instructions: instructions.checked_sub(1).context("two markers are the same instruction")?,
        loads: difference(at.loads, begin.loads)?,
        stores: difference(at.stores, begin.stores)?,
        vector: difference(at.vector, begin.vector)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_nest_and_ticks_count_from_the_begin() {
        let text =
            "begin 10 1 1 0\ntick 13 2 1 0\nbegin 14 2 1 0\nend 20 4 1 2\nend 30 5 2 2\nbegin 31 5 2 2\nend 32 5 2 2\n";
        let inner = Window { counts: Counts { instructions: 5, loads: 2, stores: 0, vector: 2 }, ..Window::default() };
        let outer = Window {
            counts: Counts { instructions: 19, loads: 4, stores: 1, vector: 2 },
            inner: vec![inner],
            ticks: vec![2],
        };
        assert_eq!(parse(text).expect("is well formed"), [outer, Window::default()]);
    }

    #[test]
    fn what_is_cut_or_unpaired_is_an_error() {
        for text in
            ["begin 1 0 0 0\n", "end 1 0 0 0\n", "tick 1 0 0 0\n", "begin 1 0 0\n", "begin 5 0 0 0\nend 4 0 0 0\n"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
