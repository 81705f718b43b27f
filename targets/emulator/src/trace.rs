//! One run with a window around each operator.

use kinglet::{OpCode, Session, Tracer};
use kinglet_emulator::machine;
use kinglet_report::Failure;

use crate::failure;

struct Markers;

impl Tracer for Markers {
    #[inline(always)]
    fn started(&mut self, _index: usize, _opcode: OpCode) {
        machine::begin();
    }

    #[inline(always)]
    fn finished(&mut self, _index: usize, _opcode: OpCode, _output: &[u8]) {
        machine::end();
    }
}

pub(crate) fn run(session: &mut Session<'_, '_>) -> Result<(), Failure> {
    machine::begin();
    let result = session.run_traced(&mut Markers);
    machine::end();
    result.map_err(failure::run)
}
