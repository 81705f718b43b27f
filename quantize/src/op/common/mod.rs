//! What the homes of several operators have in common.

pub(crate) mod attributes;
pub(crate) mod boxes;
pub(crate) mod codes;
pub(crate) mod elementwise;
pub mod fixed;
pub(crate) mod functions;
pub(crate) mod int16;
pub(crate) mod operands;
pub(crate) mod real;
pub(crate) mod reduction;
pub(crate) mod rows;
pub(crate) mod tables;
pub(crate) mod types;
pub(crate) mod weighted;
pub(crate) mod window;
