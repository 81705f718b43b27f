//! Deltas of what happens to blobs, and of what does not.

use alloc::vec::Vec;

use super::{Blobs, DELTA_HEADER_BYTES, DeltaError, DeltaHeader, Patch, encode};

struct Memory<'m> {
    old: &'m [u8],
    new: Vec<u8>,
}

impl Blobs for Memory<'_> {
    type Error = ();

    fn old(&mut self, offset: u32, out: &mut [u8]) -> Result<(), ()> {
        let start = offset as usize;
        out.copy_from_slice(self.old.get(start..start + out.len()).ok_or(())?);
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), ()> {
        self.new.extend_from_slice(bytes);
        Ok(())
    }
}

/// Numbers that look random.
fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 11) as u8
        })
        .collect()
}

fn apply(old: &[u8], delta: &[u8], piece: usize, there: usize) -> Result<Vec<u8>, DeltaError<()>> {
    let (header, steps) = delta.split_first_chunk::<DELTA_HEADER_BYTES>().ok_or(DeltaError::Form)?;
    let header = DeltaHeader::read(header).ok_or(DeltaError::Form)?;
    assert_eq!(header.old_bytes as usize, old.len());
    let mut memory = Memory { old, new: Vec::new() };
    let mut patch = Patch::new(&header, there as u32);
    for piece in steps.chunks(piece) {
        patch.feed(piece, &mut memory)?;
    }
    if patch.is_complete() { Ok(memory.new) } else { Err(DeltaError::Form) }
}

/// The length of the delta's steps; it makes the new bytes from pieces of any size and from any place on.
fn steps(old: &[u8], new: &[u8]) -> usize {
    let delta = encode(old, new, [[1; 8], [2; 8]]);
    for piece in [1, 2, 7, 64, 1 << 20] {
        assert_eq!(apply(old, &delta, piece, 0).as_deref(), Ok(new));
    }
    for there in [1, new.len() / 3, new.len() / 2 + 1, new.len()].into_iter().filter(|there| *there <= new.len()) {
        assert_eq!(apply(old, &delta, 13, there).as_deref(), Ok(&new[there..]), "from {there}");
    }
    delta.len() - DELTA_HEADER_BYTES
}

#[test]
fn what_is_the_same_costs_nothing() {
    let old = noise(300_000, 1);
    assert!(steps(&old, &old) <= 4);
    assert!(steps(&[0; 5_000], &[0; 5_000]) <= 4);
    assert_eq!(steps(&old, &[]), 0);
}

#[test]
fn sections_that_move_are_found_again() {
    let old = noise(40_000, 2);
    let mut new = old.clone();
    new.splice(20_000..20_000, noise(100, 3));
    new.drain(5_000..5_060);
    assert!(steps(&old, &new) < 100 + 40, "{}", steps(&old, &new));
    new.rotate_left(10_000);
    assert!(steps(&old, &new) < 100 + 60, "{}", steps(&old, &new));
}

#[test]
fn fields_that_change_cost_little_more_than_themselves() {
    let old = noise(20_000, 4);
    let mut new = old.clone();
    for at in (0..20_000).step_by(1_000) {
        new[at] ^= 0x55;
        new[at + 1] ^= 0xaa;
    }
    assert!(steps(&old, &new) <= 20 * (2 + 3), "{}", steps(&old, &new));
}

#[test]
fn weights_that_were_trained_on_take_the_bits_of_their_differences() {
    let old = noise(20_000, 5);
    let changed = |most: i8, seed| {
        let step = noise(20_000, seed);
        let mut new = old.clone();
        let layer = 8_000..12_000;
        for at in layer {
            new[at] = old[at].wrapping_add((step[at] % (2 * most as u8 + 1)).wrapping_sub(most as u8));
        }
        steps(&old, &new)
    };
    assert!(changed(1, 6) <= 4_000 * 2 / 8 + 20);
    assert!(changed(3, 7) <= 4_000 * 3 / 8 + 20);
    assert!(changed(7, 8) <= 4_000 * 4 / 8 + 20);
    assert!(changed(120, 9) <= 4_000 + 20, "what is new is sent as it is");
}

#[test]
fn nothing_in_common_costs_its_own_length() {
    assert!(steps(&noise(10_000, 10), &noise(9_000, 11)) <= 9_000 + 8);
    assert!(steps(&[], &noise(900, 12)) <= 900 + 8);
    assert!(steps(&noise(10, 13), &noise(2_000, 14)) <= 2_000 + 8);
}

#[test]
fn malformed_steps_are_refused() {
    let old = noise(100, 15);
    let header = DeltaHeader { old_bytes: 100, new_bytes: 50, old: [0; 8], new: [0; 8] };
    let with = |steps: &[u8]| apply(&old, &[&header.bytes()[..], steps].concat(), 3, 0);
    let tag = |what: u8, n: u8| [(((n << 2) | what) & 0x7f) | 0x80, n >> 5];
    assert_eq!(with(&tag(0, 50)).as_deref(), Ok(&old[..50]));
    let cases: [(&str, Vec<u8>); 10] = [
        ("more than the new blob", tag(0, 51).to_vec()),
        ("less than the new blob", tag(0, 49).to_vec()),
        ("behind the old blob", [tag(2, 102), tag(0, 50)].concat()),
        ("before the old blob", [tag(2, 1), tag(0, 50)].concat()),
        ("nothing", vec_of(&[0])),
        ("a tag of 33 bits", vec_of(&[0xff, 0xff, 0xff, 0xff, 0x1f])),
        ("a tag that does not end", vec_of(&[0x80; 9])),
        ("a width of 0", [&tag(3, 50)[..], &[0]].concat()),
        ("a width of 8", [&tag(3, 50)[..], &[8]].concat()),
        ("something behind the end", [&tag(0, 50)[..], &[4]].concat()),
    ];
    for (what, steps) in cases {
        assert_eq!(with(&steps), Err(DeltaError::Form), "{what}");
    }
    for at in [0, 4, 6, 7] {
        let mut bytes = header.bytes();
        bytes[at] ^= 1;
        assert_eq!(DeltaHeader::read(&bytes), None, "byte {at}");
    }
}

fn vec_of(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}

#[test]
fn any_bytes_end_within_the_new_blob() {
    let old = noise(500, 16);
    for seed in 0..20_000 {
        let mut steps = noise(40, seed + 100);
        steps.iter_mut().step_by(2).for_each(|byte| *byte %= 64);
        let header = DeltaHeader { old_bytes: 500, new_bytes: 300, old: [0; 8], new: [0; 8] };
        let mut memory = Memory { old: &old, new: Vec::new() };
        let mut patch = Patch::new(&header, 0);
        let fed = patch.feed(&steps, &mut memory);
        assert!(memory.new.len() <= 300);
        assert!(fed.is_ok() || patch.feed(&[4], &mut memory) == Err(DeltaError::Form), "an error is the end");
        assert_ne!(fed, Err(DeltaError::Blobs(())), "the old blob was left");
    }
}
