//! Writing NumPy arrays; [`crate::calibrate::npy`] reads them.

use crate::calibrate::npy::ElementType;

/// The bytes of a `.npy` file, format version 1, with `elements` in row-major order and little-endian.
pub fn npy_bytes(element_type: ElementType, shape: &[usize], elements: &[u8]) -> Vec<u8> {
    let extents: Vec<String> = shape.iter().map(|extent| format!("{extent},")).collect();
    let description = description(element_type);
    let header = format!("{{'descr': '{description}', 'fortran_order': False, 'shape': ({}), }}", extents.join(" "));
    // The elements start at a multiple of 64; the header is padded with spaces and ends with a new line.
    let unpadded = 10 + header.len() + 1;
    let padding = unpadded.next_multiple_of(64) - unpadded;
    let header = format!("{header}{}\n", " ".repeat(padding));
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    // A shape has at most eight axes of twenty digits.
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(elements);
    bytes
}

/// NumPy's name of the type.
fn description(element_type: ElementType) -> &'static str {
    match element_type {
        ElementType::Bool => "|b1",
        ElementType::I8 => "|i1",
        ElementType::U8 => "|u1",
        ElementType::I16 => "<i2",
        ElementType::U16 => "<u2",
        ElementType::I32 => "<i4",
        ElementType::U32 => "<u4",
        ElementType::I64 => "<i8",
        ElementType::U64 => "<u8",
        ElementType::F32 => "<f4",
        ElementType::F64 => "<f8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::npy::{Array, read_npy};

    #[test]
    fn what_is_written_is_read_back() {
        for (element_type, shape) in [
            (ElementType::F32, vec![2, 3]),
            (ElementType::I8, vec![7]),
            (ElementType::I64, vec![]),
            (ElementType::U16, vec![1, 2, 3, 4]),
        ] {
            let len: usize = shape.iter().product();
            let elements: Vec<u8> = (0..len * element_type.size_bytes()).map(|index| index as u8).collect();
            let bytes = npy_bytes(element_type, &shape, &elements);
            assert_eq!((bytes.len() - elements.len()) % 64, 0);
            let expected = Array { name: "x".into(), shape, element_type, bytes: elements };
            assert_eq!(read_npy(bytes.as_slice(), "x".into()), Ok(expected));
        }
    }
}
