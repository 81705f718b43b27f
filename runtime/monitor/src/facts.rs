//! Yes or no, told so that nobody can say which of one device: randomized response.
//!
//! A device tosses a coin: heads, it tells the truth; tails, it tosses again and tells what that says. So "yes" comes from
//! three of four devices where it is true and from one of four where it is not, whoever sees an answer knows little
//! (epsilon is ln 3), and of many devices the share is known all the same ([`Facts::share`]).
//!
//! An answer is made once for each version and kept: somebody who got a new one every day would know the truth by its mean.

/// Bytes of the record.
pub const FACTS_BYTES: usize = 11;
/// Questions of a record.
pub const FACTS: u32 = 16;

/// The encoding's version; other records begin with other bytes.
const VERSION: u8 = 0x81;

/// What a device says of itself and a version, bit by bit: [`crate::Alarm`] 1 to 6 in bits 0 to 5 ("has raised it"), the
/// owner's own questions in the others. What is not asked is answered by a coin as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The start of the model's digest.
    pub model: [u8; 8],
    /// Answers.
    pub answers: u16,
}

impl Facts {
    /// Answers for these truths. `random` is 32 bits of a generator that nobody can guess, new for each version.
    pub fn of(model: [u8; 8], truths: u16, random: u32) -> Self {
        let [a, b, c, d] = random.to_le_bytes();
        let (honest, coin) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
        Facts { model, answers: (truths & honest) | (coin & !honest) }
    }

    /// Writes the record.
    pub fn encode(&self) -> [u8; FACTS_BYTES] {
        let mut out = [0; FACTS_BYTES];
        let fields = core::iter::once(VERSION).chain(self.model).chain(self.answers.to_le_bytes());
        out.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        out
    }

    /// Reads a record; none when it is of another version or length.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let [version, rest @ ..]: [u8; FACTS_BYTES] = bytes.try_into().ok()?;
        let (model, answers) = (*rest.first_chunk()?, u16::from_le_bytes(*rest.last_chunk()?));
        (version == VERSION).then_some(Facts { model, answers })
    }

    /// The share for which it is true, as well as it is known when `yes` of `all` devices said so. It is off by less than
    /// the root of one by `all`, in two of three cases.
    #[allow(clippy::cast_precision_loss, reason = "a share")]
    pub fn share(yes: u64, all: u64) -> f32 {
        if all == 0 {
            return 0.0;
        }
        (2.0 * (yes as f32 / all as f32) - 0.5).clamp(0.0, 1.0)
    }
}
