//! Trees: a row of features goes from the root of each to a leaf, and what the leaves say is put together.
//!
//! - `input: [rows, features]`, `output: [rows, targets]`.
//! - A tree is its nodes without leaves, each before those under it and the ones of its first branch before those of its
//!   second: the first branch is the next node, the second is `skip` nodes on. A tree of `n` nodes has `n + 1` leaves, in the
//!   order in which they stand below each other's left; going to the second branch leaves `skip` of them behind. So no node
//!   names a leaf, and no path is longer than the tree.
//! - A node asks one question about one feature: `x <= t`, `x > t`, `x == t`, `x != t`. Floats are compared by their keys,
//!   integers in the same order in which zeros of both signs are equal and NaN is the greatest. `turns_nan` gives NaN the
//!   other answer. The first branch is that of yes.
//! - A leaf is one number for the target of its tree, or names a row of numbers, one for each target. They are added in the
//!   order of the trees, or the least or the greatest of them is taken.
//! - Input and output share no memory.
//!
//! ```text
//! a node, 8 bytes    bits 0-15 skip - 1 | 16-27 feature | 28-29 question | 30 turns_nan | 31 the second branch is a leaf
//!                    key of t, i32
//! ```

pub mod codes;

/// Bits of a node's first word that are the feature.
pub const FEATURE_BITS: u32 = 12;

/// Most features that a node can ask about.
pub const FEATURES_MAX: usize = 1 << FEATURE_BITS;

/// Most nodes up to the second branch.
pub const SKIP_MAX: usize = 1 << 16;

/// What a node asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Question {
    /// `x <= t`.
    LessEqual = 0,
    /// `x > t`.
    Greater = 1,
    /// `x == t`.
    Equal = 2,
    /// `x != t`.
    NotEqual = 3,
}

impl Question {
    /// The answer for two keys.
    #[inline]
    pub fn holds(self, x: i32, t: i32) -> bool {
        match self {
            Question::LessEqual => x <= t,
            Question::Greater => x > t,
            Question::Equal => x == t,
            Question::NotEqual => x != t,
        }
    }
}

/// The key of every NaN.
pub const NAN: i32 = i32::MAX;

/// An integer that is less when the number is, the same for zeros of both signs, and [`NAN`] for NaN.
#[inline]
pub fn key(x: f32) -> i32 {
    let bits = x.to_bits().cast_signed();
    let magnitude = bits & i32::MAX;
    if magnitude > f32::INFINITY.to_bits().cast_signed() {
        NAN
    } else if bits < 0 {
        magnitude.wrapping_neg()
    } else {
        magnitude
    }
}

/// A node that is not a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// The feature.
    pub feature: usize,
    /// What is asked.
    pub question: Question,
    /// Whether NaN gets the other answer.
    pub turns_nan: bool,
    /// From here to the second branch.
    pub skip: usize,
    /// Whether the second branch is a leaf.
    pub is_last: bool,
    /// The key of what the feature is compared with.
    pub key: i32,
}

impl Node {
    /// The node of two words.
    #[inline]
    pub fn of([head, key]: [u32; 2]) -> Self {
        let question = match head >> 28 & 3 {
            0 => Question::LessEqual,
            1 => Question::Greater,
            2 => Question::Equal,
            _ => Question::NotEqual,
        };
        Node {
            feature: (head >> 16 & 0xFFF) as usize,
            question,
            turns_nan: head >> 30 & 1 != 0,
            skip: (head & 0xFFFF).wrapping_add(1) as usize,
            is_last: head >> 31 != 0,
            key: key.cast_signed(),
        }
    }

    /// Its words; what does not fit is cut off.
    pub fn words(&self) -> [u32; 2] {
        let low = |number: usize, mask: u32| u32::try_from(number).unwrap_or(u32::MAX) & mask;
        let head = low(self.skip.wrapping_sub(1), 0xFFFF)
            | low(self.feature, 0xFFF) << 16
            | u32::from(self.question as u8) << 28
            | u32::from(self.turns_nan) << 30
            | u32::from(self.is_last) << 31;
        [head, self.key.cast_unsigned()]
    }

    /// Whether it goes to the first branch with a key.
    #[inline]
    fn passes(&self, x: i32) -> bool {
        self.question.holds(x, self.key) != (self.turns_nan && x == NAN)
    }
}

/// What leaves say.
#[derive(Clone, Copy, Debug)]
pub enum Leaves<'a> {
    /// One number each, and the target of each tree.
    Numbers {
        /// A number for each leaf.
        numbers: &'a [f32],
        /// A target for each tree.
        targets: &'a [u16],
    },
    /// Rows of numbers, which leaves share.
    Rows {
        /// `[rows, targets]`.
        rows: &'a [f32],
        /// A row for each leaf.
        places: &'a [u16],
    },
}

/// How the numbers of trees are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Aggregate {
    /// They are added up.
    Sum = 0,
    /// The least of them.
    Min = 1,
    /// The greatest of them.
    Max = 2,
}

impl Aggregate {
    /// The one with tag `tag`.
    pub const fn from_tag(tag: u8) -> Option<Self> {
        match tag {
            0 => Some(Aggregate::Sum),
            1 => Some(Aggregate::Min),
            2 => Some(Aggregate::Max),
            _ => None,
        }
    }

    /// What changes nothing.
    fn neutral(self) -> f32 {
        match self {
            Aggregate::Sum => 0.0,
            Aggregate::Min => f32::INFINITY,
            Aggregate::Max => f32::NEG_INFINITY,
        }
    }

    #[inline]
    fn add(self, to: &mut f32, number: f32) {
        match self {
            Aggregate::Sum => *to += number,
            Aggregate::Min if number < *to => *to = number,
            Aggregate::Max if number > *to => *to = number,
            Aggregate::Min | Aggregate::Max => {}
        }
    }
}

/// Trees on rows of features.
#[derive(Clone, Copy, Debug)]
pub struct Trees<'a> {
    /// Rows.
    pub rows: usize,
    /// Features of a row.
    pub features: usize,
    /// Numbers of a result.
    pub targets: usize,
    /// The first node of each tree.
    pub starts: &'a [u32],
    /// Two words for each node.
    pub nodes: &'a [[u32; 2]],
    /// What leaves say.
    pub leaves: Leaves<'a>,
    /// How it is put together.
    pub aggregate: Aggregate,
}

/// Whether every path through a tree of these nodes ends at one of its leaves, and asks about features that there are.
pub fn is_tree(nodes: &[[u32; 2]], features: usize) -> bool {
    nodes.iter().enumerate().all(|(at, &words)| {
        let node = Node::of(words);
        let behind = nodes.len().saturating_sub(at);
        // A first branch that is no leaf is the next node, which is before the second one.
        let reaches = if node.is_last { node.skip <= behind } else { node.skip < behind };
        node.feature < features && reaches
    })
}

impl Trees<'_> {
    /// Whether it takes slices of these lengths.
    fn fits(&self, input: usize, output: usize) -> bool {
        let lens = self.rows.checked_mul(self.features).zip(self.rows.checked_mul(self.targets));
        self.features > 0 && self.targets > 0 && lens.is_some_and(|(x, y)| input >= x && output >= y)
    }

    /// The nodes of tree `tree`, and its first leaf.
    fn tree(&self, tree: usize) -> Option<(&[[u32; 2]], usize)> {
        let start = *self.starts.get(tree)? as usize;
        let end = self.starts.get(tree.wrapping_add(1)).map_or(self.nodes.len(), |&next| next as usize);
        Some((self.nodes.get(start..end)?, start.checked_add(tree)?))
    }

    /// Adds what leaf `leaf` of tree `tree` says.
    fn add(&self, tree: usize, leaf: usize, y: &mut [f32]) -> Option<()> {
        match self.leaves {
            Leaves::Numbers { numbers, targets } => {
                let target = usize::from(*targets.get(tree)?);
                self.aggregate.add(y.get_mut(target)?, *numbers.get(leaf)?);
            }
            Leaves::Rows { rows, places } => {
                let start = usize::from(*places.get(leaf)?).checked_mul(self.targets)?;
                let row = rows.get(start..)?.get(..self.targets)?;
                y.iter_mut().zip(row).for_each(|(to, &number)| self.aggregate.add(to, number));
            }
        }
        Some(())
    }
}

/// The leaf of a tree that a row of features comes to.
#[inline]
fn leaf(nodes: &[[u32; 2]], x: &[f32]) -> Option<usize> {
    let (mut at, mut leaf) = (0usize, 0usize);
    if nodes.is_empty() {
        return Some(0);
    }
    loop {
        let node = Node::of(*nodes.get(at)?);
        if node.passes(key(*x.get(node.feature)?)) {
            if node.skip == 1 {
                return Some(leaf);
            }
            at = at.wrapping_add(1);
        } else {
            leaf = leaf.wrapping_add(node.skip);
            if node.is_last {
                return Some(leaf);
            }
            at = at.wrapping_add(node.skip);
        }
    }
}

/// Computes the result. False, with any numbers in it, when a slice is too short or a tree has a hole. No scratch.
pub fn trees_f32(layer: &Trees<'_>, x: &[f32], y: &mut [f32]) -> bool {
    if !layer.fits(x.len(), y.len()) {
        return false;
    }
    let rows = x.chunks_exact(layer.features.max(1)).zip(y.chunks_exact_mut(layer.targets.max(1))).take(layer.rows);
    for (x, y) in rows {
        y.fill(layer.aggregate.neutral());
        for tree in 0..layer.starts.len() {
            let told = layer.tree(tree).and_then(|(nodes, first)| {
                let leaf = leaf(nodes, x)?;
                layer.add(tree, first.wrapping_add(leaf), y)
            });
            if told.is_none() {
                return false;
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_numbers() {
        let numbers =
            [f32::NEG_INFINITY, -1.5, -1.0, -f32::MIN_POSITIVE, 0.0, 1e-45, 1.0, 3.5, f32::MAX, f32::INFINITY];
        assert!(numbers.iter().zip(numbers.iter().skip(1)).all(|(a, b)| key(*a) < key(*b)));
        assert_eq!(key(-0.0), key(0.0));
        assert_eq!([key(f32::NAN), key(-f32::NAN)], [NAN; 2]);
        assert!(key(f32::INFINITY) < NAN);
    }

    #[test]
    fn nodes_come_back_from_their_words() {
        let node =
            Node { feature: 4095, question: Question::NotEqual, turns_nan: true, skip: 65536, is_last: true, key: -7 };
        assert_eq!(Node::of(node.words()), node);
        let node = Node { feature: 0, question: Question::Greater, turns_nan: false, skip: 1, is_last: false, key: 7 };
        assert_eq!(Node::of(node.words()), node);
    }
}
