//! An operator whose cargo feature is off is refused by name, in a build without it:
//!
//! ```text
//! cargo test --package kinglet --no-default-features --test features
//! ```

use kinglet::{LoadError, LoadRule, Model, OpCode};
use kinglet_test_blobs::programs::every_opcode;

/// True when the build has the operator.
fn is_linked(opcode: OpCode) -> bool {
    match opcode {
        OpCode::TanhF32 => cfg!(feature = "tanh-f32"),
        OpCode::Conv2dI8 => cfg!(feature = "conv2d-i8"),
        _ => cfg!(feature = "all-operators"),
    }
}

#[test]
fn operator_not_linked() {
    for program in every_opcode() {
        let opcode = OpCode::from_tag(program.writer().operators[0][0]).unwrap();
        let blob = program.blob_without_golden();
        match Model::from_bytes(&blob) {
            Ok(_) => assert!(is_linked(opcode), "{} is linked", opcode.name()),
            Err(LoadError::Record { rule: LoadRule::OperatorNotLinked, .. }) => {
                assert!(!is_linked(opcode), "{} is not linked", opcode.name());
            }
            Err(error) => panic!("{}: {error}", program.name()),
        }
    }
}
