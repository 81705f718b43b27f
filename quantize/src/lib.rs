//! The host side of Kinglet: reads, shrinks and compiles models; the kinglet command.
#![forbid(unsafe_code)]

pub mod affine;
pub mod blob_file;
pub mod calibrate;
pub mod cli;
pub mod compare;
pub mod compile;
pub mod contract;
pub mod cost;
pub mod data;
pub mod emit;
pub mod file;
mod half;
pub mod host;
pub mod import;
pub mod input_files;
pub mod inspect;
pub mod ir;
pub mod lower;
mod near;
pub mod npy_file;
pub mod op;
pub mod pass;
mod plain;
pub mod plan;
pub mod program;
pub mod record;
pub mod report;
pub mod sample;
pub mod score;
pub mod shrink;
pub mod source;
pub mod stripe;
pub mod target;
pub mod tensor;
pub mod value;
mod warning;
