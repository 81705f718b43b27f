//! The engine's errors as the numbers that a report carries.

use kinglet::{LoadError, RunError, SessionError, TensorError};
use kinglet_report::{Failure, Stage};

pub(crate) fn load(error: LoadError) -> Failure {
    Failure { stage: Stage::Load, code: error.code().into(), offset: error.offset() }
}

pub(crate) fn bind(error: SessionError) -> Failure {
    let code = match error {
        SessionError::ArenaTooSmall { .. } => 1,
        SessionError::ArenaMisaligned => 2,
        _ => u32::MAX,
    };
    Failure { stage: Stage::Bind, code, offset: 0 }
}

pub(crate) fn input(error: TensorError) -> Failure {
    Failure { stage: Stage::Input, code: tensor(error), offset: 0 }
}

pub(crate) fn output(error: TensorError) -> Failure {
    Failure { stage: Stage::Output, code: tensor(error), offset: 0 }
}

fn tensor(error: TensorError) -> u32 {
    match error {
        TensorError::NoSuchTensor => 1,
        TensorError::WrongType => 2,
        _ => u32::MAX,
    }
}

pub(crate) fn run(error: RunError) -> Failure {
    match error {
        RunError::BlobChanged { offset } => Failure { stage: Stage::Run, code: 1, offset },
        _ => Failure { stage: Stage::Run, code: u32::MAX, offset: 0 },
    }
}
