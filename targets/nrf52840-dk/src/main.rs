//! A model on Nordic's nRF52840 development kit.
//!
//! At start the model is verified and replays the test vectors that the compiler put into it: what this chip
//! computes is then known to be what the compiler's report said. After that one inference runs every second.
//!
//! | pin | meaning |
//! | --- | --- |
//! | P0.03 | high while `run` executes: put an oscilloscope or a current meter's trigger here |
//! | P0.13 (LED 1) | changes with each inference; stays on after a failed start |
//!
//! The log goes over RTT, formatted by the host: `cargo run --release` in this folder shows it.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod inference;

use cortex_m_rt::entry;
use defmt_rtt as _;
use embedded_hal::delay::DelayNs;
use embedded_hal::digital::StatefulOutputPin;
use kinglet::{Arena, Model, Session};
use nrf52840_hal::gpio::{Level, p0};
use nrf52840_hal::{Timer, pac};
use static_cell::ConstStaticCell;

/// More than the model needs is fine; with less, the start says how much.
const ARENA_BYTES: usize = 48 * 1024;

static ARENA: ConstStaticCell<Arena<ARENA_BYTES>> = ConstStaticCell::new(Arena::new());

const PERIOD_MS: u32 = 1000;

#[entry]
fn main() -> ! {
    // Each is `None` only on a second call, and `main` runs once.
    let (Some(core), Some(chip)) = (cortex_m::Peripherals::take(), pac::Peripherals::take()) else { halt() };
    let Some(arena) = ARENA.try_take() else { halt() };
    let pins = p0::Parts::new(chip.P0);
    let mut timing = pins.p0_03.into_push_pull_output(Level::Low);
    // The LED lights when its pin is low.
    let mut led = pins.p0_13.into_push_pull_output(Level::Low);
    let mut timer = Timer::new(chip.TIMER0);
    let mut cycles = inference::CycleCounter::start(core.DCB, core.DWT);

    let blob = kinglet::include_blob!(env!("MODEL_BLOB"));
    let model = match Model::from_bytes(blob) {
        Ok(model) => model,
        Err(error) => stop(kinglet::Error::from(error)),
    };
    let mut session = match Session::new(&model, arena.as_mut_slice()) {
        Ok(session) => session,
        Err(error) => stop(kinglet::Error::from(error)),
    };
    defmt::info!("model: {} operators, {} bytes of arena", model.operator_count(), model.arena_bytes());
    match session.self_test() {
        Ok(report) => defmt::info!("self-test: {}", report),
        Err(kinglet::SelfTestError::NoVectors) => defmt::warn!("self-test: the model carries no vectors"),
        Err(error) => stop(kinglet::Error::from(error)),
    }

    loop {
        match inference::run(&mut session, &mut timing, &mut cycles) {
            Ok(result) => defmt::info!("class {} with {} in {} cycles", result.class, result.score, result.cycles),
            Err(error) => stop(error),
        }
        // Setting a pin of this chip cannot fail.
        let _ = led.toggle();
        timer.delay_ms(PERIOD_MS);
    }
}

fn stop(error: kinglet::Error) -> ! {
    defmt::error!("stopped: {}", error);
    halt()
}

fn halt() -> ! {
    loop {
        cortex_m::asm::wfi();
    }
}

#[panic_handler]
fn on_panic(_: &core::panic::PanicInfo<'_>) -> ! {
    defmt::error!("panic");
    halt()
}
