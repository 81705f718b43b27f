//! A flash with anything in it: whatever the bytes are, the slots open, say what to run, take an update or refuse it, and
//! come to an end.

use kinglet_blob::checksum;
use kinglet_slots::{Boot, DeltaHeader, Layout, RECORD_BYTES, Reason, Region, SlotError, Slots};
use kinglet_trust::{KeyRing, Policy};

use crate::chip::{Chip, ChipError, Traits};
use crate::crypto::Fast;

const PAGE: usize = 256;
type Small = Chip<1, 4, PAGE, 0xff>;

const LAYOUT: Layout = Layout {
    journal: Region { offset: 0, bytes: 512 },
    slots: [Region { offset: 512, bytes: 512 }, Region { offset: 1024, bytes: 512 }],
    factory: Some(Region { offset: 1536, bytes: 512 }),
    trial_boots_max: 3,
};

/// Starts on a flash that begins with `bytes` and does what firmware does, in an order that the bytes choose. With
/// `is_signed` the checksums of the journal's records are made right first. Panics when something is wrong.
pub fn start(bytes: &[u8], is_signed: bool) {
    let [a, b] = LAYOUT.slots;
    let mut chip = Small::new(8, Traits { ecc: false, buffered: false }, vec![LAYOUT.journal, a, b], 1);
    let mut content = bytes.to_vec();
    content.resize(8 * PAGE, 0xff);
    if is_signed {
        for record in content[..LAYOUT.journal.bytes as usize].chunks_mut(RECORD_BYTES) {
            record[..4].copy_from_slice(b"KSL1");
            let crc = checksum::crc32(0, &record[..RECORD_BYTES - 4]);
            record[RECORD_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
        }
    }
    chip.program(0, &content);
    let Ok(mut slots) = Slots::open(&mut chip, LAYOUT) else { return };
    let capacity = content.len() as u32;
    let within = |region: Region| region.offset.checked_add(region.bytes).is_some_and(|end| end <= capacity);
    match slots.boot() {
        Ok(Boot::Trial { region, .. } | Boot::Confirmed { region } | Boot::Factory { region }) => {
            assert!(within(region), "{region:?} is not in the flash");
        }
        Ok(Boot::Nothing) | Err(_) => {}
    }
    let keys = [[7; 32]];
    let ring = KeyRing::new(&keys, 0).expect("one key");
    let versions = [[0; 3], [u16::MAX; 3]];
    let policy =
        Policy { model_id: 0, versions, kernel_sets: 1, security_counter: 0, bytes_max: 512, must_be_sealed: false };
    let mut checks = kinglet_slots::Checks { ring, policy, crypto: &mut Fast };
    let name = slots.state().candidate.digest;
    for step in bytes.iter().rev().take(24) {
        // Refusals are answers too.
        let _ = match step % 11 {
            0 => slots.begin(u32::from(*step) * 3, name),
            1 => slots.resume(name).map(|_| ()),
            2 => slots.write(bytes),
            3 => slots.write(&bytes[..bytes.len().min(100)]),
            4 => slots.finish(&mut checks, false, |_, region| within(region)).map(|_| ()),
            5 => slots.activate(),
            6 => slots.confirm(&mut checks).map(|_| ()),
            7 => slots.reject(Reason::Caller),
            8 => slots.reset_to_factory(&mut checks),
            9 => patch(&mut slots, bytes),
            _ => slots.abandon(),
        };
    }
    let chip = slots.close();
    // A journal that lies makes the slots write where nothing was erased; never where they may not.
    let outside = chip.violation.as_ref().filter(|violation| violation.contains("outside"));
    assert!(outside.is_none(), "{outside:?}");
}

/// Takes the bytes as a delta, whose header is right as far as anybody can make it so.
fn patch(slots: &mut Slots<&mut Small>, bytes: &[u8]) -> Result<(), SlotError<ChipError>> {
    let old_bytes = slots.state().active.bytes;
    let old = slots.state().active.digest;
    let new_bytes = bytes.first().map_or(0, |&byte| u32::from(byte) * 3);
    let header = DeltaHeader { old_bytes, new_bytes, old, new: slots.state().candidate.digest };
    let mut delta = slots.begin_delta(&header, &mut Fast)?;
    slots.patch(&mut delta, bytes)
}
