//! Trees.

use crate::field::record;

record! {
    /// What the leaves of trees say about each row of features, put together.
    TreesF32 {
        /// Weights: the first node of each tree, nodes, leaves.
        constants: u32,
        /// Rows.
        rows: u32,
        /// Features of a row.
        features: u32,
        /// Numbers of a result.
        targets: u32,
        /// Trees.
        trees: u32,
        /// Nodes of all trees, without leaves.
        nodes: u32,
        /// Different rows of numbers that leaves name; 0 where a leaf is one number, for the target of its tree.
        leaf_rows: u32,
        /// How numbers are put together: 0 added up, 1 the least, 2 the greatest.
        aggregate: u8,
        /// Zero.
        reserved: [u8; 3],
    }
}

record! {
    /// The same on int16 codes: sums of what leaves say, in int32.
    TreesI16 {
        /// Weights: the first node of each tree, nodes, what each sum starts at, leaves.
        constants: u32,
        /// Rows.
        rows: u32,
        /// Features of a row.
        features: u32,
        /// Numbers of a result.
        targets: u32,
        /// Trees.
        trees: u32,
        /// Nodes of all trees, without leaves.
        nodes: u32,
        /// Different rows of numbers that leaves name; 0 where a leaf is one number, for the target of its tree.
        leaf_rows: u32,
        /// Bits of a node that are its feature, at most 15.
        feature_bits: u8,
        /// Zero.
        reserved: [u8; 3],
    }
}
