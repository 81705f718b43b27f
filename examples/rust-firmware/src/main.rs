//! Reads a handwritten digit on a microcontroller.
//!
//! Everything a firmware does with Kinglet is in `classify`: verify the blob, bind it to memory, replay the test vectors
//! that the compiler put into it, write an input, run, read the output. The rest is the emulated board: output goes
//! through the debugger, and the digit comes from a text file instead of a sensor.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use cortex_m_rt::entry;
use cortex_m_semihosting::debug::{self, EXIT_FAILURE, EXIT_SUCCESS};
use cortex_m_semihosting::hprintln;
use kinglet::{Arena, Error, Model, Session};
use static_cell::ConstStaticCell;

/// At least what `kinglet compile` prints as `arena`. With less, `Session::new` says how much is missing.
static ARENA: ConstStaticCell<Arena<8448>> = ConstStaticCell::new(Arena::new());

/// 28 lines of 28 characters; `#` is ink.
const DIGIT: &str = include_str!("digit.txt");

#[entry]
fn main() -> ! {
    match ARENA.try_take().map(|arena| classify(arena.as_mut_slice())) {
        Some(Ok((digit, percent))) => {
            hprintln!("this is a {}, {} % sure", digit, percent);
            debug::exit(EXIT_SUCCESS);
        }
        Some(Err(error)) => hprintln!("stopped: {}", error),
        None => hprintln!("the arena was taken before"),
    }
    debug::exit(EXIT_FAILURE);
    halt()
}

/// The digit in the picture, and how sure the model is.
fn classify(arena: &mut [u8]) -> Result<(usize, u32), Error> {
    // 16-byte aligned and in flash: weights are read from there. Nothing is copied.
    let blob = kinglet::include_blob!("../model.kgl");
    let model = Model::from_bytes(blob)?;
    let mut session = Session::new(&model, arena)?;
    let report = session.self_test()?;
    hprintln!("{} test vectors give the bits that the compiler saw", report.vectors);

    // real = scale * (q - zero_point), and this model's input is the pixel 0..=255: scale 1, zero point -128.
    let pixels = DIGIT.bytes().filter(|byte| *byte != b'\n').map(|byte| if byte == b'#' { 127 } else { -128 });
    session.input_i8(0)?.iter_mut().zip(pixels).for_each(|(element, pixel)| *element = pixel);
    session.run()?;

    let scores = session.output_i8(0)?;
    let best = scores.iter().enumerate().max_by_key(|(_, score)| **score);
    let (digit, score) = best.map_or((0, -128), |(digit, score)| (digit, *score));
    // Probabilities have scale 1/256 and zero point -128.
    let probability = u32::from(score.abs_diff(-128));
    Ok((digit, probability * 100 / 256))
}

fn halt() -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// The engine does not panic; this is for the rest of a firmware.
#[panic_handler]
fn on_panic(_: &core::panic::PanicInfo<'_>) -> ! {
    debug::exit(EXIT_FAILURE);
    halt()
}
