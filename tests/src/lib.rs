//! Cross-crate proofs, and what they need to find their way in the tree.
#![forbid(unsafe_code)]

pub mod tree;
