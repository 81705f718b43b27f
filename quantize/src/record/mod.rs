//! Records: the parameters of an operator of the blob, whichever it is.
//!
//! This layer lies below the operators, which say what they are lowered to, and below programs, whose steps have a
//! record each. It knows neither graphs nor addresses.
//!
//! ```text
//! parameters.rs  the questions that every record answers
//! overlap.rs     how far a result may run over its operand
//! window.rs      geometry and weights of a window
//! work.rs        what an operator has to do, in numbers
//! the others     answers of records that several operators share
//! ```
//!
//! Which record an operator has for which element type is said once, in the list of the format
//! ([`kinglet_blob::for_each_operator`]).

mod convolution;
mod elementwise;
mod exactness;
mod fully_connected;
mod grid;
mod moves;
mod overlap;
mod parameters;
mod pool;
mod transpose_conv;
mod window;
mod work;

use core::fmt;
use core::ops::Deref;

use kinglet_blob::{Cursor, DType, Field, OpCode, Operands, WeightForm, records};
use kinglet_kernels::packing::Storage;

pub(crate) use exactness::lengthened;
pub(crate) use moves::reach;
pub use overlap::{Overlap, PixelOrder};
pub use parameters::{Access, Head, Layer, Packed, Parameters, RowsMut, Shapes};
pub use window::geometry;
pub(crate) use window::window_weights;
pub use work::Work;

use parameters::Kept;

/// A record of any operator. What it answers is in [`Parameters`].
pub struct Record(Box<dyn Kept>);

impl Record {
    /// The whole record of the blob, with its head and its operands.
    pub fn bytes(&self, head: Head, operands: &Operands) -> Vec<u8> {
        self.0.operator_bytes(head, operands)
    }

    /// The record as one of type `R`, if it is one.
    pub fn downcast_mut<R: 'static>(&mut self) -> Option<&mut R> {
        self.0.any_mut().downcast_mut()
    }

    /// Fields by which it is made one for some rows of its result.
    pub fn rows_mut(&mut self) -> Option<RowsMut<'_>> {
        self.0.rows_mut()
    }
}

impl<R: Parameters + Field + Copy + Send + Sync + 'static> From<R> for Record {
    fn from(record: R) -> Self {
        Record(Box::new(record))
    }
}

impl Deref for Record {
    type Target = dyn Parameters;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl Clone for Record {
    fn clone(&self) -> Self {
        Record(self.0.copied())
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Records of the same kind are the same when their fields have the same bytes.
impl PartialEq for Record {
    fn eq(&self, other: &Record) -> bool {
        let bytes = |record: &Record| {
            let head = Head { opcode: OpCode::Copy, form: WeightForm::default() };
            record.bytes(head, &Operands::default())
        };
        self.0.any().type_id() == other.0.any().type_id() && bytes(self) == bytes(other)
    }
}

/// Reads a record's fields and wraps them; `None` when they do not fill the body.
fn take<R: Field + Into<Record>>(body: &[u8]) -> Option<Record> {
    let fills = body.len() == R::SIZE.next_multiple_of(4);
    R::take(&mut Cursor::new(body)).filter(|_| fills).map(Into::into)
}

/// Reads a record by the list of operators.
macro_rules! read {
    ($($(#[$doc:meta])* $name:ident = $tag:literal $text:literal {
        $($dtype:ident: $record:ident $feature:literal,)*
    })*) => {
        impl Record {
            /// The parameters of an operator in a blob whose first operand has type `dtype`; `None` when there is no
            /// such operator or its parameters have another length.
            pub fn read(opcode: OpCode, dtype: DType, parameters: &[u8]) -> Option<Record> {
                match (opcode, dtype) {
                    $($((OpCode::$name, DType::$dtype) => take::<records::$record>(parameters),)*)*
                    _ => None,
                }
            }
        }
    };
}
kinglet_blob::for_each_operator!(read);

/// How many bytes weights take.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WeightSize {
    /// As many bits as the storage in a record's head says.
    Stored(WeightForm),
    /// Four bytes each.
    Floats,
}

impl WeightSize {
    /// The bytes of `weights` weights.
    pub(crate) fn bytes(self, weights: u64) -> u64 {
        match self {
            WeightSize::Stored(form) => {
                let storage = Storage::from_tag(form.storage).unwrap_or_default();
                // The weights of a layer fit into memory.
                storage.bytes(usize::try_from(weights).unwrap_or(usize::MAX)) as u64
            }
            WeightSize::Floats => weights.saturating_mul(4),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinglet_blob::records::Convert;

    #[test]
    fn records_are_equal_when_their_fields_are() {
        let record = |len: u32| Record::from(Convert { len, scale: f32::NAN, zero_point: 1 });
        assert_eq!(record(3), record(3).clone());
        assert_ne!(record(3), record(4));
        assert_ne!(record(3), Record::from(records::MeanF32 { outer: 3, reduced: 1, inner: 1 }));
    }

    #[test]
    fn every_operator_of_the_format_has_a_record() {
        for &(opcode, dtype, feature) in OpCode::KNOWN {
            let read = (0..64).find_map(|words| Record::read(opcode, dtype, &vec![0; 4 * words]));
            assert!(read.is_some(), "{feature}");
        }
    }
}
