//! The functions as C calls them, for Miri: what the C tests cannot see is whether Rust's own rules of borrowing hold
//! while a caller keeps the pointers that it was given. The behaviour is tested in C (`cargo xtask c-test`).
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "a C program is one unsafe operation after the other")]
#![allow(clippy::arithmetic_side_effects, reason = "tests may panic")]

extern crate std;

use core::ffi::{CStr, c_void};
use core::mem::MaybeUninit;
use core::ptr;

use kinglet::Aligned;

use crate::handle::{MODEL_BYTES, ModelHandle, SESSION_BYTES, SessionHandle};
use crate::model::*;
use crate::session::*;
use crate::status::{Status, kinglet_status_name};

const ARENA_BYTES: usize = 96;
const SAMPLES: usize = 12;
const LEVELS: usize = 4;

/// `kinglet_model` as C declares it.
type ModelMemory = MaybeUninit<Aligned<[u8; MODEL_BYTES]>>;
/// `kinglet_session` as C declares it.
type SessionMemory = MaybeUninit<Aligned<[u8; SESSION_BYTES]>>;

/// See `c-tests/small_model.h`: twelve int8 elements, each replaced by `-x - 1`; four floats, clamped to 0..=6.
const BLOB_BYTES: usize = include_bytes!("../c-tests/small.kgl").len();

/// The blob at an aligned address.
static PLACE: Aligned<[u8; BLOB_BYTES]> = Aligned(*include_bytes!("../c-tests/small.kgl"));

fn blob() -> *const c_void {
    PLACE.0.as_ptr().cast()
}

#[test]
fn pointers_that_c_keeps_stay_good() {
    let mut model = ModelMemory::uninit();
    let model = model.as_mut_ptr().cast::<ModelHandle>();
    let mut session = SessionMemory::uninit();
    let session = session.as_mut_ptr().cast::<SessionHandle>();
    let mut arena = MaybeUninit::<Aligned<[u8; ARENA_BYTES]>>::zeroed();
    let arena = arena.as_mut_ptr().cast::<c_void>();
    let (mut samples, mut levels, mut len) = (ptr::null_mut::<i8>(), ptr::null_mut::<f32>(), 0);
    let (mut flipped, mut clamped) = (ptr::null::<i8>(), ptr::null::<f32>());
    let mut finished = 7;
    // SAFETY: every pointer is to memory of its type that lives to the end, and lengths are right.
    unsafe {
        assert_eq!(kinglet_model_init(model, blob(), BLOB_BYTES), Status::OK);
        assert_eq!(kinglet_session_init(session, model, arena, ARENA_BYTES), Status::OK);
        assert_eq!(kinglet_session_input_i8(session, 0, &mut samples, &mut len), Status::OK);
        assert_eq!((kinglet_session_input_f32(session, 1, &mut levels, &mut len), len), (Status::OK, LEVELS));
        assert_eq!((kinglet_session_output_i8(session, 0, &mut flipped, &mut len), len), (Status::OK, SAMPLES));
        assert_eq!(kinglet_session_output_f32(session, 2, &mut clamped, &mut len), Status::OK);
        // The same four pointers through all runs.
        for round in 0..4i8 {
            for index in 0..SAMPLES {
                samples.add(index).write(round * 10 + index as i8);
            }
            for index in 0..LEVELS {
                levels.add(index).write(f32::from(round) * 4.0 - index as f32);
            }
            if round % 2 == 0 {
                assert_eq!(kinglet_session_run(session), Status::OK);
            } else {
                for expected in [0, 0, 1] {
                    assert_eq!((kinglet_session_step(session, &mut finished), finished), (Status::OK, expected));
                }
            }
            for index in 0..SAMPLES {
                assert_eq!(flipped.add(index).read(), -1 - (round * 10 + index as i8));
            }
            for index in 0..LEVELS {
                assert_eq!(clamped.add(index).read(), (f32::from(round) * 4.0 - index as f32).clamp(0.0, 6.0));
            }
        }
        assert_eq!(kinglet_session_deinit(session), Status::OK);
        assert_eq!(kinglet_session_run(session), Status::NOT_A_SESSION);
        assert_eq!(kinglet_model_deinit(model), Status::OK);
        assert_eq!(kinglet_session_init(session, model, arena, ARENA_BYTES), Status::NOT_A_MODEL);
    }
}

#[test]
fn sessions_share_a_model() {
    let mut model = ModelMemory::uninit();
    let model = model.as_mut_ptr().cast::<ModelHandle>();
    let mut sessions = [SessionMemory::uninit(), SessionMemory::uninit()];
    let mut arenas = [Aligned([0u8; ARENA_BYTES]), Aligned([0u8; ARENA_BYTES])];
    let [first, second] = sessions.each_mut().map(|session| session.as_mut_ptr().cast::<SessionHandle>());
    let mut finished = 0;
    let (mut flipped, mut len) = (ptr::null::<i8>(), 0);
    // SAFETY: every pointer is to memory of its type that lives to the end, and lengths are right.
    unsafe {
        assert_eq!(kinglet_model_init(model, blob(), BLOB_BYTES), Status::OK);
        for (session, arena) in [first, second].into_iter().zip(arenas.each_mut()) {
            let arena = ptr::from_mut(arena).cast::<c_void>();
            assert_eq!(kinglet_session_init(session, model, arena, ARENA_BYTES), Status::OK);
        }
        // A step of one between the steps of the other.
        for (session, expected) in [(first, 0), (second, 0), (first, 0), (first, 1), (second, 0), (second, 1)] {
            assert_eq!((kinglet_session_step(session, &mut finished), finished), (Status::OK, expected));
        }
        for session in [first, second] {
            assert_eq!(kinglet_session_output_i8(session, 0, &mut flipped, &mut len), Status::OK);
            assert_eq!(flipped.read(), -1);
        }
    }
}

#[test]
fn what_is_refused_is_not_touched() {
    let mut model = ModelMemory::uninit();
    let model = model.as_mut_ptr().cast::<ModelHandle>();
    let mut session = SessionMemory::uninit();
    let session = session.as_mut_ptr().cast::<SessionHandle>();
    let mut number = 0;
    let mut offset = 0;
    // SAFETY: every pointer that the library may follow is to memory of its type; the others are null, misaligned or
    // beside an impossible length.
    unsafe {
        assert_eq!(kinglet_model_init(ptr::null_mut(), blob(), BLOB_BYTES), Status::NULL_POINTER);
        assert_eq!(kinglet_model_init(model.wrapping_byte_add(1), blob(), BLOB_BYTES), Status::MISALIGNED);
        assert_eq!(kinglet_model_init(model, blob(), usize::MAX), Status::LENGTH);
        assert_eq!(kinglet_model_init(model, ptr::without_provenance(16), usize::MAX - 15), Status::LENGTH);
        assert_eq!(kinglet_model_error(model, &mut offset), Status::LENGTH);
        let truncated = kinglet_model_init(model, blob(), 10);
        assert_eq!(CStr::from_ptr(kinglet_status_name(truncated)), c"truncated");
        assert_eq!((kinglet_model_error(model, &mut offset), offset), (truncated, 10));
        assert_eq!(kinglet_model_arena_bytes(model, &mut number), Status::NOT_A_MODEL);
        assert_eq!(kinglet_model_init(model, blob(), BLOB_BYTES), Status::OK);
        assert_eq!(kinglet_model_init(model, model.cast(), BLOB_BYTES), Status::OVERLAP);
        assert_eq!(kinglet_model_arena_bytes(model, ptr::null_mut()), Status::NULL_POINTER);
        assert_eq!((kinglet_model_arena_bytes(model, &mut number), number), (Status::OK, ARENA_BYTES));
        let small = ptr::without_provenance_mut(64);
        assert_eq!(kinglet_session_init(session, model, small, ARENA_BYTES - 1), Status::ARENA_TOO_SMALL);
        assert_eq!(kinglet_session_init(session, model, model.cast(), ARENA_BYTES), Status::OVERLAP);
        assert_eq!(kinglet_session_run(session), Status::NOT_A_SESSION);
    }
}
