//! Trees on integer codes: thresholds and leaves of 16 bits, sums of 32, no floating point.
//!
//! - `input: [rows, features]` of int16 codes, `output: [rows, targets]` of int32 sums.
//! - Nodes and leaves stand as in [`trees`](super), and every node asks `x <= t`: yes leads to the first branch. A tree has a
//!   node at least.
//! - A sum starts at the base of its target. Leaves are added to it in the order of the trees; it wraps around.
//!
//! ```text
//! a node, 4 bytes    bits 0 to f - 1 feature | f to 14 skip - 1 | 15 the second branch is a leaf | 16-31 t, i16
//!                    f, the bits of a feature, is one number for all nodes
//! ```

/// Bits of a node that are its feature or lead to its second branch.
pub const SHARED_BITS: u32 = 15;

/// Set where the second branch is a leaf.
const LAST: u32 = 1 << SHARED_BITS;

/// A node that is not a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// The feature.
    pub feature: usize,
    /// From here to the second branch.
    pub skip: usize,
    /// Whether the second branch is a leaf.
    pub is_last: bool,
    /// What the feature is compared with.
    pub threshold: i16,
}

impl Node {
    /// The node of a word, whose lowest `feature_bits` are the feature.
    pub fn of(word: u32, feature_bits: u32) -> Self {
        let shape = Shape::of(feature_bits);
        Node {
            feature: shape.feature(word),
            skip: shape.behind(word).wrapping_add(1),
            is_last: word & LAST != 0,
            threshold: threshold(word) as i16,
        }
    }

    /// Its word; `None` where it does not fit.
    pub fn word(&self, feature_bits: u32) -> Option<u32> {
        let skip = u32::try_from(self.skip.checked_sub(1)?).ok()?;
        let shared = u32::try_from(self.feature).ok()? | skip.checked_shl(feature_bits)?;
        let word = shared | u32::from(self.is_last) << SHARED_BITS | (self.threshold as u32) << 16;
        (Node::of(word, feature_bits) == *self).then_some(word)
    }
}

#[inline(always)]
fn threshold(word: u32) -> i32 {
    word.cast_signed() >> 16
}

/// Where a word's parts are.
#[derive(Clone, Copy)]
struct Shape {
    feature: u32,
    skip: u32,
    feature_bits: u32,
}

impl Shape {
    #[inline]
    fn of(feature_bits: u32) -> Self {
        let feature_bits = feature_bits.min(SHARED_BITS);
        let feature = (1u32 << feature_bits).wrapping_sub(1);
        Shape { feature, skip: (LAST - 1) & !feature, feature_bits }
    }

    #[inline(always)]
    fn feature(self, word: u32) -> usize {
        (word & self.feature) as usize
    }

    /// Nodes between a node and its second branch.
    #[inline(always)]
    fn behind(self, word: u32) -> usize {
        ((word & self.skip) >> self.feature_bits) as usize
    }
}

/// Rows that leaves name.
#[derive(Clone, Copy, Debug)]
pub enum Places<'a> {
    /// At most 256 of them.
    Bytes(&'a [u8]),
    /// More.
    Halves(&'a [u16]),
}

impl Places<'_> {
    fn get(&self, leaf: usize) -> Option<usize> {
        match self {
            Places::Bytes(places) => places.get(leaf).map(|&place| place.into()),
            Places::Halves(places) => places.get(leaf).map(|&place| place.into()),
        }
    }

    /// Whether all of them are less than `bound`.
    pub fn are_below(&self, bound: usize) -> bool {
        match self {
            Places::Bytes(places) => places.iter().all(|&place| usize::from(place) < bound),
            Places::Halves(places) => places.iter().all(|&place| usize::from(place) < bound),
        }
    }
}

/// What leaves say.
#[derive(Clone, Copy, Debug)]
pub enum Leaves<'a> {
    /// One number each, and the target of each tree.
    Numbers {
        /// A number for each leaf.
        numbers: &'a [i16],
        /// A target for each tree.
        targets: &'a [u16],
    },
    /// Rows of numbers, which leaves share.
    Rows {
        /// `[rows, targets]`.
        rows: &'a [i16],
        /// A row for each leaf.
        places: Places<'a>,
    },
}

/// Trees on rows of codes.
#[derive(Clone, Copy, Debug)]
pub struct Trees<'a> {
    /// Rows.
    pub rows: usize,
    /// Features of a row.
    pub features: usize,
    /// Bits of a node that are its feature.
    pub feature_bits: u32,
    /// The first node of each tree.
    pub starts: &'a [u32],
    /// A word for each node.
    pub nodes: &'a [u32],
    /// What the sum of each target starts at.
    pub base: &'a [i32],
    /// What leaves say.
    pub leaves: Leaves<'a>,
}

/// Whether every path through a tree of these nodes ends at one of its leaves, and asks about features that there are.
pub fn is_tree(nodes: &[u32], feature_bits: u32, features: usize) -> bool {
    !nodes.is_empty()
        && nodes.iter().enumerate().all(|(at, &word)| {
            let node = Node::of(word, feature_bits);
            let behind = nodes.len().saturating_sub(at);
            let reaches = if node.is_last { node.skip <= behind } else { node.skip < behind };
            node.feature < features && reaches
        })
}

impl Trees<'_> {
    /// Whether it takes slices of these lengths.
    fn fits(&self, input: usize, output: usize) -> bool {
        let targets = self.base.len();
        let lens = self.rows.checked_mul(self.features).zip(self.rows.checked_mul(targets));
        self.features > 0 && targets > 0 && lens.is_some_and(|(x, y)| input >= x && output >= y)
    }

    /// Adds what all trees say about a row.
    fn add(&self, x: &[i16], y: &mut [i32]) -> Option<()> {
        for (tree, &start) in self.starts.iter().enumerate() {
            let start = start as usize;
            let leaf = leaf(self.nodes.get(start..)?, x, self.feature_bits)?.wrapping_add(start).wrapping_add(tree);
            match self.leaves {
                Leaves::Numbers { numbers, targets } => {
                    let to = y.get_mut(usize::from(*targets.get(tree)?))?;
                    *to = to.wrapping_add((*numbers.get(leaf)?).into());
                }
                Leaves::Rows { rows, places } => {
                    let row = rows.get(places.get(leaf)?.wrapping_mul(y.len())..)?.get(..y.len())?;
                    y.iter_mut().zip(row).for_each(|(to, &number)| *to = to.wrapping_add(number.into()));
                }
            }
        }
        Some(())
    }
}

/// The leaf of the tree at the start of `nodes` that a row of codes comes to. A function of its own, so that all it needs
/// stays in registers.
///
/// Where it is says how many leaves are left behind: each node before it has its first branch behind it, or was answered with
/// yes.
#[inline(never)]
fn leaf(nodes: &[u32], x: &[i16], feature_bits: u32) -> Option<usize> {
    let shape = Shape::of(feature_bits);
    let (mut at, mut yes) = (0usize, 0usize);
    loop {
        let word = *nodes.get(at)?;
        at = at.wrapping_add(1);
        if i32::from(*x.get(shape.feature(word))?) <= threshold(word) {
            yes = yes.wrapping_add(1);
            if word & shape.skip == 0 {
                break;
            }
        } else {
            at = at.wrapping_add(shape.behind(word));
            if word & LAST != 0 {
                break;
            }
        }
    }
    Some(at.wrapping_sub(yes))
}

/// Computes the sums. False, with any numbers in them, when a slice is too short or a tree has a hole. No scratch.
pub fn trees_i16(layer: &Trees<'_>, x: &[i16], y: &mut [i32]) -> bool {
    if !layer.fits(x.len(), y.len()) {
        return false;
    }
    let rows = x.chunks_exact(layer.features.max(1)).zip(y.chunks_exact_mut(layer.base.len().max(1))).take(layer.rows);
    for (x, y) in rows {
        y.iter_mut().zip(layer.base).for_each(|(to, &base)| *to = base);
        if layer.add(x, y).is_none() {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_come_back_from_their_words() {
        let node = Node { feature: 15, skip: 2048, is_last: true, threshold: -3 };
        assert_eq!(node.word(4).map(|word| Node::of(word, 4)), Some(node));
        assert_eq!(Node { feature: 16, ..node }.word(4), None);
        assert_eq!(Node { skip: 2049, ..node }.word(4), None);
        assert_eq!(Node { skip: 0, ..node }.word(4), None);
        let node = Node { feature: 0, skip: 1, is_last: false, threshold: i16::MIN };
        assert_eq!(node.word(0).map(|word| Node::of(word, 0)), Some(node));
    }
}
