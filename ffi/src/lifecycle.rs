//! What `cargo xtask panic-proof` links to show that trust, slots, monitor and rollout reach no panic: every operation of theirs, over
//! a flash and a cryptography that the caller brings, so that nothing is known of them when this is compiled.
//!
//! The crates behind the features `software` and `seal` of `kinglet-trust` are not part of this proof: they do not link
//! without panics (`docs/decisions/0031-trust.md`).

use core::convert::Infallible;

use kinglet_monitor::audit::{Chain, Entry, Event};
use kinglet_monitor::{Baseline, Facts, Hmac, Monitor, PageHinkley, RECORD_BYTES_MAX, Record, Response, entropy};
use kinglet_rollout::{DOCUMENT_BYTES_MAX, Decision, Rollout, Seen};
use kinglet_slots::embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use kinglet_slots::{Boot, Checks, DeltaHeader, Flash, Gate, Layout, Limits, Reason, Region, Ring, SlotError, Slots};
use kinglet_trust::{Cipher, Crypto, DeviceKey, Hash, KeyRing, Opener, Policy, Source, Stream, verify};

/// What the caller brings. The functions may answer anything.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// Bytes go there.
    pub put: extern "C" fn(u32, *const u8, usize) -> u32,
    /// Bytes come from there.
    pub get: extern "C" fn(u32, *mut u8, usize) -> u32,
}

impl Parts {
    fn put(&self, place: u32, bytes: &[u8]) -> bool {
        (self.put)(place, bytes.as_ptr(), bytes.len()) == 0
    }

    fn get(&self, place: u32, bytes: &mut [u8]) -> bool {
        (self.get)(place, bytes.as_mut_ptr(), bytes.len()) == 0
    }
}

impl Hash for Parts {
    fn update(&mut self, bytes: &[u8]) {
        self.put(1, bytes);
    }

    fn finish(self) -> [u8; 32] {
        let mut digest = [0; 32];
        self.get(1, &mut digest);
        digest
    }
}

impl Crypto for Parts {
    type Hash = Parts;

    fn hash(&mut self) -> Parts {
        *self
    }

    fn verify(&mut self, key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        self.put(2, key) && self.put(3, message) && self.put(4, signature)
    }
}

impl Cipher for Parts {
    type Stream = Parts;

    fn open(&mut self, key: &[u8; 32], nonce: &[u8; 12], header: &[u8]) -> Parts {
        self.put(5, key);
        self.put(6, nonce);
        self.put(7, header);
        *self
    }
}

impl Stream for Parts {
    fn decrypt(&mut self, bytes: &mut [u8]) {
        self.get(8, bytes);
    }

    fn encrypt(&mut self, bytes: &mut [u8]) {
        self.get(9, bytes);
    }

    fn finish(self, tag: &[u8; 16]) -> bool {
        self.put(10, tag)
    }
}

impl Source for Parts {
    fn bytes(&self) -> u32 {
        (self.get)(11, core::ptr::null_mut(), 0)
    }

    fn read(&mut self, offset: u32, out: &mut [u8]) -> bool {
        self.put(12, &offset.to_le_bytes()) && self.get(12, out)
    }
}

impl ErrorType for Parts {
    type Error = Infallible;
}

impl ReadNorFlash for Parts {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Infallible> {
        Source::read(self, offset, bytes);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes() as usize
    }
}

impl NorFlash for Parts {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = 2048;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Infallible> {
        self.put(from, &to.to_le_bytes());
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Infallible> {
        self.put(offset, bytes);
        Ok(())
    }
}

impl Flash for Parts {}

fn policy(words: &[u32; 16]) -> Policy {
    let [model_id, a, b, kernel_sets, security_counter, bytes_max, ..] = *words;
    let version = |word: u32| {
        let [low, middle, high, _] = word.to_le_bytes();
        [u16::from(low), u16::from(middle), u16::from(high)]
    };
    let versions = [version(a), version(b)];
    let must_be_sealed = kernel_sets & 1 == 1;
    Policy { model_id: model_id.into(), versions, kernel_sets, security_counter, bytes_max, must_be_sealed }
}

/// Verifies, checks, and opens a sealed blob.
#[unsafe(no_mangle)]
pub extern "C" fn kinglet_proof_trust(parts: &mut Parts, words: &[u32; 16], bytes: &mut [u8; 512]) -> u32 {
    let keys = [[1; 32], [2; 32]];
    let [revoked, ..] = words.map(|word| word.to_le_bytes()[0]);
    let Some(ring) = KeyRing::new(&keys, revoked) else { return 0 };
    let mut crypto = *parts;
    let checked = verify(parts, &ring, &mut crypto).and_then(|signed| policy(words).check(&signed, revoked > 0));
    if let Err(error) = checked {
        return error.code().into();
    }
    let Some((header, rest)) = bytes.split_first_chunk_mut() else { return 1 };
    let opened = Opener::new(header, &DeviceKey([3; 32]), &mut crypto, parts).and_then(|mut opener| {
        opener.resume(rest)?;
        opener.decrypt(rest)?;
        opener.finish(&[0; 16])
    });
    opened.map_or_else(|error| error.code().into(), |()| 2)
}

/// Opens the slots anywhere and does one thing after the other.
#[unsafe(no_mangle)]
pub extern "C" fn kinglet_proof_slots(parts: &mut Parts, words: &[u32; 16], bytes: &mut [u8; 512]) -> u32 {
    walk(parts, words, bytes).map_or_else(|error| error.code().into(), |()| 0)
}

fn walk(parts: &mut Parts, words: &[u32; 16], bytes: &mut [u8; 512]) -> Result<(), SlotError<Infallible>> {
    let [a, b, c, d, e, f, g, steps, first, second, third, ..] = *words;
    let layout = Layout {
        slots: [Region { offset: a, bytes: b }, Region { offset: c, bytes: b }],
        factory: Some(Region { offset: d, bytes: e }),
        journal: Region { offset: f, bytes: g },
        trial_boots_max: steps.to_le_bytes()[0],
    };
    let keys = [[1; 32]];
    let Some(ring) = KeyRing::new(&keys, 0) else { return Ok(()) };
    let mut crypto = *parts;
    let mut checks = Checks { ring, policy: policy(words), crypto: &mut crypto };
    let mut slots = Slots::open(&mut *parts, layout)?;
    let name = [first.to_le_bytes()[0]; 8];
    for step in 0..steps {
        match (step ^ second) & 15 {
            0 => slots.begin(first, name)?,
            1 => _ = slots.resume(name)?,
            2 => slots.write(bytes)?,
            3 => _ = slots.finish(&mut checks, third > 0, |_, region| region.bytes > second)?,
            4 => slots.activate()?,
            5 => _ = slots.confirm(&mut checks)?,
            6 => slots.reject(Reason::Caller)?,
            7 => slots.abandon()?,
            8 => slots.reset_to_factory(&mut checks)?,
            9 => slots.read_candidate(first, bytes)?,
            10 => {
                let header = bytes.first_chunk().and_then(DeltaHeader::read);
                let Some(header) = header else { return Ok(()) };
                let mut delta = slots.begin_delta(&header, checks.crypto)?;
                slots.patch(&mut delta, bytes)?;
            }
            11 => {
                let flash = slots.flash();
                let mut ring = Ring::open(flash, layout.journal, third as usize)?;
                ring.append(flash, bytes)?;
                ring.for_each(flash, |sequence, payload| _ = bytes.starts_with(payload) && sequence > first);
            }
            _ => {
                if slots.boot()? == Boot::Nothing {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// Reports to a gate.
#[unsafe(no_mangle)]
pub extern "C" fn kinglet_proof_gate(words: &[u32; 16]) -> u32 {
    let [runs_min, errors_max, slow_max, ticks_max, window, ticks, ..] = *words;
    let mut gate = Gate::new(Limits { runs_min, errors_max, slow_max, ticks_max, window_ticks: window.into() });
    gate.self_test(ticks > 3);
    for word in words {
        gate.run(*word, *word > ticks);
        gate.elapsed((*word).into());
    }
    gate.veto(Reason::Drift);
    u32::from(matches!(gate.decision(), kinglet_slots::Decision::Confirm))
}

/// Watches a model.
#[unsafe(no_mangle)]
pub extern "C" fn kinglet_proof_monitor(parts: &mut Parts, words: &[u32; 16], bytes: &mut [u8; 512]) -> u32 {
    let Some(baseline) = Baseline::read(bytes) else { return 0 };
    let [window_runs, a, b, c, ticks_max, slow_max, runs, ..] = *words;
    let number = f32::from_bits;
    let limits = kinglet_monitor::Limits {
        window_runs,
        instability_max: number(a),
        input_stride: window_runs as usize,
        cusum_slack: number(b),
        cusum_limit: number(c),
        out_of_range_max: number(a),
        ticks_max,
        slow_max,
    };
    let (mut monitor, mut test) = (Monitor::new(limits), PageHinkley::new(number(b), number(c)));
    let mut alarms = 0u32;
    for word in words {
        let codes = bytes.each_ref().map(|byte| byte.cast_signed());
        let (input, output) = codes.split_at_checked(runs as usize).unwrap_or((&codes, &[]));
        let alarm = monitor.observe(&baseline, input, output, number(*word), *word);
        alarms = alarms.saturating_add(u32::from(alarm.is_some() || test.observe(number(*word))));
    }
    let mut out = [0; RECORD_BYTES_MAX];
    let model = [1; 8];
    let len = monitor.record(model, runs, window_runs).map_or(0, |record| record.encode(&mut out));
    let is_read = out.get(..len).and_then(Record::decode).is_some();
    let mut hmac = Hmac { key: &[4; 32], crypto: &mut *parts };
    let is_read = is_read | out.get(..len).and_then(|bytes| Record::decode_signed(bytes, &mut hmac)).is_some();
    if let (Some(mut response), Some(record)) = (Response::new(number(a)), monitor.record(model, runs, window_runs)) {
        response.tell(runs as usize, [a, b]);
        record.encode_signed(&mut hmac, &mut out);
        alarms =
            alarms.saturating_add(response.counts(c).map_or(response.estimate(words).len(), |told| told.len()) as u32);
    }
    let entry = Entry {
        sequence: 0,
        event: Event::Drift,
        reason: 1,
        model,
        security_counter: alarms,
        version: [1; 3],
        time: entropy(words.iter().map(|word| number(*word))).to_bits().into(),
    };
    let facts = Facts::of(model, word16(a), b);
    let shares = Facts::decode(&facts.encode()).map_or(0.0, |facts| Facts::share(facts.answers.into(), c.into()));
    let mut chain = Chain::default();
    let record = chain.add(&entry, parts);
    let is_whole = Chain::behind(&record).is_some_and(|mut chain| chain.check(&record, parts).is_err());
    alarms.saturating_add(u32::from(is_read)).saturating_add(u32::from(is_whole)).saturating_add(shares.to_bits())
}

fn word16(word: u32) -> u16 {
    let [low, high, ..] = word.to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// Reads a document of a rollout and decides by it.
#[unsafe(no_mangle)]
pub extern "C" fn kinglet_proof_rollout(
    parts: &mut Parts,
    words: &[u32; 16],
    bytes: &mut [u8; DOCUMENT_BYTES_MAX],
) -> u32 {
    let keys = [[1; 32], [2; 32]];
    let [number, sequence, revoked, len, ..] = *words;
    let [revoked, ..] = revoked.to_le_bytes();
    let Some(ring) = KeyRing::new(&keys, revoked) else { return 0 };
    let document = bytes.get(..len as usize).unwrap_or(bytes);
    match Rollout::verify(document, "model", Seen { number, sequence }, &ring, parts) {
        Err(_) => 1,
        Ok(rollout) => match rollout.decide("cohort", document, parts) {
            Decision::Base(_) => 2,
            Decision::Next(_) => rollout.seen().number,
        },
    }
}
