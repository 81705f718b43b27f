//! The measured image: one model, verified, bound and run on each input vector.
//!
//! What is measured lies between markers (see `machine`): loading, and each run. Everything else, this file
//! included, is harness: it is built for size and keeps nothing in static memory, because the flash and RAM
//! that the host reports for the image are meant to be the engine's. Outputs are sent as they are; the host,
//! which has the golden vectors, compares.
//!
//! With the feature `trace` one more run has a tracer that opens a window of its own around each operator.

#![no_std]
#![no_main]

mod failure;
mod model;
mod report;
#[cfg(feature = "trace")]
mod trace;

use core::hint::black_box;

use cortex_m_rt::entry;
use kinglet::{Model, RunError, Session, TensorError};
use kinglet_emulator::machine::{self, PaintedStack};
use kinglet_report::{Failure, Stage, Summary, Vector, Window};

use crate::report::Reporter;

#[entry]
fn main() -> ! {
    machine::prepare();
    let mut reporter = Reporter::open();
    let outcome = measure(&mut reporter);
    machine::exit(reporter.finish(outcome))
}

fn measure(reporter: &mut Reporter) -> Result<Summary, Failure> {
    let mut summary = Summary::default();
    // The compiler must not see which bytes these are, or it would verify them while building.
    let blob = black_box(model::blob());
    let arena = black_box(model::arena());

    note(&mut summary, Window::Init)?;
    let stack = PaintedStack::paint();
    machine::begin();
    let loaded = load(blob);
    let model = match &loaded {
        Ok(model) => model,
        Err(failure) => return Err(*failure),
    };
    let bound = bind(model, arena);
    machine::end();
    summary.init_stack_bytes = stack.depth_bytes();
    let mut session = bound?;
    summary.operator_count = model.operator_count() as u32;
    summary.arena_bytes = model.arena_bytes() as u32;
    summary.input_count = model.input_count() as u32;
    summary.input_bytes = session.input_raw(0).map_or(0, |tensor| tensor.len() as u32);
    summary.input_is_float = session.input_f32(0).is_ok();

    for (index, vector) in model::VECTORS.iter().enumerate() {
        note(&mut summary, Window::Run { vector: index as u16 })?;
        fill_inputs(&mut session, *vector)?;
        let depth = run(&mut session)?;
        summary.run_stack_bytes = summary.run_stack_bytes.max(depth);
        report::send_outputs(reporter, &session, index as u16)?;
    }
    #[cfg(feature = "trace")]
    if let Some(vector) = model::VECTORS.first() {
        note(&mut summary, Window::Traced { vector: 0 })?;
        fill_inputs(&mut session, *vector)?;
        trace::run(&mut session)?;
    }
    Ok(summary)
}

fn note(summary: &mut Summary, window: Window) -> Result<(), Failure> {
    summary.windows.push(window).map_err(|_| Failure { stage: Stage::Windows, code: 0, offset: 0 })
}

// The three measured calls are functions of their own, so that the stack they use is theirs and not a part of
// the frame of whoever paints the stack, which would be there already when it is painted.

#[inline(never)]
fn load(blob: &[u8]) -> Result<Model<'_>, Failure> {
    Model::from_bytes(blob).map_err(failure::load)
}

#[inline(never)]
fn bind<'m, 'a>(model: &'m Model<'m>, arena: &'a mut [u8]) -> Result<Session<'m, 'a>, Failure> {
    Session::new(model, arena).map_err(failure::bind)
}

#[inline(never)]
fn infer(session: &mut Session<'_, '_>) -> Result<(), RunError> {
    session.run()
}

/// Runs once and returns the depth of the stack.
fn run(session: &mut Session<'_, '_>) -> Result<u32, Failure> {
    let stack = PaintedStack::paint();
    machine::begin();
    let result = infer(session);
    machine::end();
    let depth = stack.depth_bytes();
    result.map_err(failure::run)?;
    Ok(depth)
}

/// Every input of the model gets the same vector from its first element. Inputs are written before every run,
/// because their memory may be used for something else once they have been read.
fn fill_inputs(session: &mut Session<'_, '_>, vector: Vector) -> Result<(), Failure> {
    for index in 0..session.model().input_count() {
        #[cfg(any(feature = "loaded", feature = "int16"))]
        if fill_other(session, index, vector) {
            continue;
        }
        match session.input_i8(index) {
            Ok(tensor) => vector.fill_i8(tensor),
            Err(TensorError::WrongType) => vector.fill_f32(session.input_f32(index).map_err(failure::input)?),
            Err(error) => return Err(failure::input(error)),
        }
    }
    Ok(())
}

/// Fills an input that is neither int8 nor float: int16, or else bool. True when it was.
#[cfg(any(feature = "loaded", feature = "int16"))]
fn fill_other(session: &mut Session<'_, '_>, index: usize, vector: Vector) -> bool {
    if session.input_i8(index).is_ok() || session.input_f32(index).is_ok() {
        return false;
    }
    if let Ok(tensor) = session.input_i16(index) {
        vector.fill_i16(tensor);
    } else if let Ok(tensor) = session.input_raw(index) {
        vector.fill_bool(tensor);
    }
    true
}
