//! What is asked of a flash driver, and reads and writes of any alignment on top of it.

use embedded_storage::nor_flash::NorFlash;

/// The largest word that a driver may want to write or read at once.
pub const WORD_BYTES_MAX: usize = 64;

/// A NOR flash. Writes may change erased bytes only, once, in whole words; pages are erased as a whole.
pub trait Flash: NorFlash {
    /// What erased bytes read as.
    const ERASED: u8 = 0xff;

    /// Returns when everything that was erased and written is stored, whatever the power does then. Drivers that do not
    /// buffer, as those of internal flash, have nothing to do.
    fn sync(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

impl<F: Flash> Flash for &mut F {
    const ERASED: u8 = F::ERASED;

    fn sync(&mut self) -> Result<(), Self::Error> {
        F::sync(self)
    }
}

/// A length as offsets count; no flash has one that does not fit.
pub(crate) fn len32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Reads at any offset. Drivers that read words only get words.
pub(crate) fn read<F: NorFlash>(flash: &mut F, mut offset: u32, out: &mut [u8]) -> Result<(), F::Error> {
    if F::READ_SIZE == 1 {
        return flash.read(offset, out);
    }
    let mut word = [0; WORD_BYTES_MAX];
    let size = F::READ_SIZE.clamp(1, WORD_BYTES_MAX);
    let mut rest = out;
    while !rest.is_empty() {
        let within = (offset as usize).checked_rem(size).unwrap_or(0);
        let word = word.get_mut(..size).unwrap_or_default();
        flash.read(offset.saturating_sub(len32(within)), word)?;
        let len = size.saturating_sub(within).min(rest.len());
        let bytes = word.get(within..).unwrap_or_default();
        rest.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        rest = rest.get_mut(len..).unwrap_or_default();
        offset = offset.saturating_add(len32(len));
    }
    Ok(())
}

/// True when all bytes of a range are erased. Bytes that cannot be read, as words with a broken error code, are not.
pub(crate) fn is_erased<F: Flash>(flash: &mut F, mut offset: u32, bytes: u32) -> bool {
    let mut piece = [0; WORD_BYTES_MAX];
    let end = offset.saturating_add(bytes);
    while offset < end {
        let len = end.saturating_sub(offset).min(len32(WORD_BYTES_MAX));
        let piece = piece.get_mut(..len as usize).unwrap_or_default();
        if read(flash, offset, piece).is_err() || piece.iter().any(|&byte| byte != F::ERASED) {
            return false;
        }
        offset = offset.saturating_add(len);
    }
    true
}
