//! An operator whose cargo feature is off is refused by name, in a build without it:
//!
//! ```text
//! cargo test --package kinglet --no-default-features --test features
//! ```

use kinglet::{DType, LoadError, LoadRule, Model, OpCode};
use kinglet_kernels::packing::Storage;
use kinglet_test_blobs::programs::every_opcode;

/// True when the build has the operator.
fn is_linked(opcode: OpCode, dtype: DType) -> bool {
    match (opcode, dtype) {
        (OpCode::Tanh, DType::F32) => cfg!(feature = "tanh-f32"),
        (OpCode::Conv2d, DType::I8) => cfg!(feature = "conv2d-i8"),
        _ => cfg!(feature = "all-operators"),
    }
}

#[test]
fn operator_not_linked() {
    for program in every_opcode() {
        let record = &program.writer().operators[0];
        let opcode = OpCode::from_tag(record[0]).unwrap();
        let dtype = DType::from_tag(record[6] & 15).unwrap();
        let blob = program.blob_without_golden();
        match Model::from_bytes(&blob) {
            Ok(_) => assert!(is_linked(opcode, dtype), "{} is linked", opcode.name()),
            Err(LoadError::Record { rule: LoadRule::OperatorNotLinked, .. }) => {
                assert!(!is_linked(opcode, dtype), "{} is not linked", opcode.name());
            }
            // Weights of fewer than eight bits have a feature beside the operator's.
            Err(LoadError::Record { rule: LoadRule::PackingNotRunnable, .. })
                if program.name().contains("short tables") =>
            {
                let is_linked = cfg!(feature = "short-tables");
                assert!(!is_linked, "{} can be read", program.name());
            }
            Err(LoadError::Record { rule: LoadRule::PackingNotRunnable, .. }) => {
                let storage = Storage::from_tag(record[3]).unwrap();
                assert!(!storage.is_runnable(), "{} can be read", program.name());
            }
            Err(error) => panic!("{}: {error}", program.name()),
        }
    }
}
