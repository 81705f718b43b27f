//! The attributes of custom operators: a FlexBuffer, of which a map of names and single numbers is read.
//!
//! ```text
//!   map:     [distance to the vector of keys] [bytes of its elements] [count] [values ...] [type of each value]
//!   keys:    [count] [distance to each name, which ends with 0]
//!   end:     [the root: distance to it] [type of the root] [bytes of the root]
//! ```
//!
//! Elements of a vector have 1, 2, 4 or 8 bytes; distances go backwards. A type byte holds the type above two bits of width.

/// A number with a name.
pub(super) type Numbers = Vec<(String, f64)>;

/// The types of single numbers.
const INT: u8 = 1;
const UINT: u8 = 2;
const FLOAT: u8 = 3;
const MAP: u8 = 9;
const BOOL: u8 = 26;

/// Most attributes of an operator.
const COUNT_MAX: usize = 256;

/// Longest name of an attribute.
const NAME_SIZE_BYTES_MAX: usize = 64;

/// The single numbers of a map; `None` for bytes that are none.
pub(super) fn numbers(bytes: &[u8]) -> Option<Numbers> {
    let (&[root_type, root_width], rest) = bytes.split_last_chunk::<2>().map(|(rest, end)| (end, rest))?;
    if root_type >> 2 != MAP {
        return None;
    }
    let width = 1usize << (root_type & 3);
    let map = follow(bytes, rest.len().checked_sub(root_width.into())?, root_width.into())?;
    let field = |back: usize| map.checked_sub(back.checked_mul(width)?);
    let count = usize::try_from(unsigned(bytes, field(1)?, width)?).ok().filter(|&count| count <= COUNT_MAX)?;
    let key_width =
        usize::try_from(unsigned(bytes, field(2)?, width)?).ok().filter(|width| [1, 2, 4, 8].contains(width))?;
    let keys = follow(bytes, field(3)?, width)?;
    let mut all = Vec::with_capacity(count);
    for index in 0..count {
        let name_at = follow(bytes, keys.checked_add(index * key_width)?, key_width)?;
        let name = bytes.get(name_at..)?.iter().take(NAME_SIZE_BYTES_MAX).take_while(|&&byte| byte != 0);
        let name: String = name.map(|&byte| char::from(byte)).collect();
        let kind = *bytes.get(map.checked_add(count * width + index)?)?;
        if let Some(number) = number(bytes, map.checked_add(index * width)?, width, kind >> 2) {
            all.push((name, number));
        }
    }
    Some(all)
}

/// Where the distance at `at` points to.
fn follow(bytes: &[u8], at: usize, width: usize) -> Option<usize> {
    at.checked_sub(usize::try_from(unsigned(bytes, at, width)?).ok()?)
}

fn unsigned(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(width)?).filter(|field| field.len() <= 8)?;
    let mut word = [0; 8];
    word[..field.len()].copy_from_slice(field);
    Some(u64::from_le_bytes(word))
}

fn number(bytes: &[u8], at: usize, width: usize, kind: u8) -> Option<f64> {
    let word = unsigned(bytes, at, width)?;
    let unused = 64 - 8 * width as u32;
    match (kind, width) {
        (INT, _) => Some(((word << unused).cast_signed() >> unused) as f64),
        (UINT | BOOL, _) => Some(word as f64),
        (FLOAT, 4) => Some(f32::from_bits(word as u32).into()),
        (FLOAT, 8) => Some(f64::from_bits(word)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::numbers;

    /// `{"a": 5, "b": 0.5, "c": true}`, as the reference library writes it.
    const MAP: [u8; 42] = [
        97, 0, 98, 0, 99, 0, 3, 7, 6, 5, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 63, 1, 0, 0, 0,
        6, 14, 106, 15, 38, 1,
    ];

    #[test]
    fn numbers_have_names() {
        let expected = [("a", 5.0), ("b", 0.5), ("c", 1.0)].map(|(name, number)| (name.to_owned(), number));
        assert_eq!(numbers(&MAP), Some(expected.to_vec()));
    }

    #[test]
    fn damaged_maps_are_none() {
        for end in 0..MAP.len() {
            assert_eq!(numbers(&MAP[..end]), None, "{end} bytes");
        }
        for at in 0..MAP.len() {
            for value in [0, 1, 2, 127, 128, 255] {
                let mut damaged = MAP;
                damaged[at] = value;
                // Whatever it gives, it comes back.
                numbers(&damaged);
            }
        }
        assert_eq!(numbers(&[255, 9 << 2, 1]), None);
    }
}
