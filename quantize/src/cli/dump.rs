//! `kinglet run --dump`: what every operator wrote, a file each.
//!
//! A board that traces its run can be compared with these files tensor by tensor; they have the blob's layout and type.

use std::path::Path;

use kinglet::{DType, OpCode, Session, Tracer};

use super::{Failure, Outcome};
use crate::file;
use crate::host;
use crate::inspect::{OperatorLine, inspect};
use crate::npy_file::npy_bytes;
use crate::tensor::element_type;

/// Keeps what operators write in one inference.
struct Kept {
    /// By the operator's index.
    outputs: Vec<Vec<u8>>,
}

impl Tracer for Kept {
    fn finished(&mut self, _: usize, _: OpCode, output: &[u8]) {
        self.outputs.push(output.to_vec());
    }
}

/// The operators of the session's blob, and the element type of what each writes.
pub(super) struct Operators(Vec<(OperatorLine, DType)>);

impl Operators {
    pub(super) fn of(session: &Session<'_, '_>) -> Self {
        let lines = inspect(session.model()).operators;
        let records = session.model().blob().operators();
        let dtypes: Vec<Option<DType>> =
            records.map(|record| record.split()?.0.output(0).map(|output| output.dtype)).collect();
        let typed = |line: OperatorLine| {
            let dtype = dtypes.get(line.index).copied().flatten().unwrap_or(DType::I8);
            (line, dtype)
        };
        Operators(lines.into_iter().map(typed).collect())
    }
}

/// One inference, with a file for each operator in `folder`: `INFERENCE/INDEX-OPERATOR.npy`.
pub(super) fn infer(
    session: &mut Session<'_, '_>,
    inputs: &[Vec<u8>],
    (folder, inference, operators): (&Path, usize, &Operators),
) -> Result<Vec<Vec<u8>>, Failure> {
    let mut kept = Kept { outputs: Vec::new() };
    let outputs = host::infer_traced(session, inputs, &mut kept)?;
    let folder = folder.join(inference.to_string());
    std::fs::create_dir_all(&folder)
        .map_err(|error| Failure::Other(format!("cannot make the folder {}: {error}", folder.display())))?;
    for ((line, dtype), bytes) in operators.0.iter().zip(&kept.outputs) {
        write(&folder, line, *dtype, bytes)?;
    }
    Ok(outputs)
}

fn write(folder: &Path, line: &OperatorLine, dtype: DType, bytes: &[u8]) -> Outcome {
    let len = bytes.len() / dtype.size_bytes();
    // A copy of runs that lie apart writes a range that is longer than its runs.
    let shape = if line.output_shape.iter().product::<usize>() == len { line.output_shape.clone() } else { vec![len] };
    let path = folder.join(format!("{:03}-{}.npy", line.index, line.operator));
    file::write(&path, &npy_bytes(element_type(dtype), &shape, bytes))
        .map_err(|error| Failure::Other(format!("cannot write {}: {error}", path.display())))
}
