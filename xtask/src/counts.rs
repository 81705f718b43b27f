//! Reads what the counter wrote: windows, some inside others.

use anyhow::{Context, Result, bail, ensure};

/// Counts at one marker, or differences between two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) instructions: u64,
    pub(crate) loads: u64,
    pub(crate) stores: u64,
    pub(crate) vector: u64,
    /// What an estimate of cycles needs.
    pub(crate) mix: Mix,
}

/// Instructions by class, and what makes some of them dearer. The plugin's `class.rs` says what belongs where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mix {
    /// Times that execution went on elsewhere than behind the last instruction.
    pub(crate) taken: u64,
    /// Registers moved by multiple loads and stores.
    pub(crate) moved: u64,
    /// Loads from code memory.
    pub(crate) flash_loads: u64,
    /// One number for each class, in the plugin's order.
    pub(crate) classes: [u64; CLASS_COUNT],
}

/// Classes that the plugin tells apart.
pub(crate) const CLASS_COUNT: usize = 11;

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
    let mut counts =
        Counts { instructions: number()?, loads: number()?, stores: number()?, vector: number()?, mix: Mix::default() };
    (counts.mix.taken, counts.mix.moved, counts.mix.flash_loads) = (number()?, number()?, number()?);
    for class in &mut counts.mix.classes {
        *class = number()?;
    }
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
        mix: mix_between(&begin.mix, &at.mix).context("the counts run backwards")?,
    })
}

/// The marker that closes a window is a move, the first class; it is not part of what it measures.
fn mix_between(begin: &Mix, at: &Mix) -> Option<Mix> {
    let mut classes = [0; CLASS_COUNT];
    for (class, (later, earlier)) in classes.iter_mut().zip(at.classes.iter().zip(&begin.classes)) {
        *class = later.checked_sub(*earlier)?;
    }
    Some(Mix {
        taken: at.taken.checked_sub(begin.taken)?,
        moved: at.moved.checked_sub(begin.moved)?,
        flash_loads: at.flash_loads.checked_sub(begin.flash_loads)?,
        classes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_nest_and_ticks_count_from_the_begin() {
        let lines = ["begin 10 1 1 0", "tick 13 2 1 0", "begin 14 2 1 0", "end 20 4 1 2", "end 30 5 2 2"];
        let lines = lines.into_iter().chain(["begin 31 5 2 2", "end 32 5 2 2"]);
        let text: String = lines.map(|line| format!("{line} 0 0 0{}\n", " 0".repeat(CLASS_COUNT))).collect();
        let inner = Window {
            counts: Counts { instructions: 5, loads: 2, vector: 2, ..Counts::default() },
            ..Window::default()
        };
        let outer = Window {
            counts: Counts { instructions: 19, loads: 4, stores: 1, vector: 2, ..Counts::default() },
            inner: vec![inner],
            ticks: vec![2],
        };
        assert_eq!(parse(&text).expect("is well formed"), [outer, Window::default()]);
    }

    #[test]
    fn what_is_cut_or_unpaired_is_an_error() {
        let rest = " 0 0 0".to_owned() + &" 0".repeat(CLASS_COUNT) + "\n";
        for lines in [&["begin 1 0 0 0"][..], &["end 1 0 0 0"], &["tick 1 0 0 0"], &["begin 5 0 0 0", "end 4 0 0 0"]] {
            let text: String = lines.iter().map(|line| (*line).to_owned() + &rest).collect();
            assert!(parse(&text).is_err(), "{text}");
        }
        assert!(parse("begin 1 0 0 0 0 0 0\n").is_err());
    }
}
