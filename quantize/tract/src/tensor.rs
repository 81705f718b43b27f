//! Tensors of a file become shapes and elements.

use tract_onnx::pb::{SparseTensorProto, TensorProto};

use crate::model::{OnnxTensor, TensorData, type_code};

/// Elements that a sparse tensor may have for each one that is written, and beside them.
const SPARSE_MAX: [usize; 2] = [64, 1 << 16];

/// A tensor whose numbers are in it.
pub(crate) fn tensor(proto: &TensorProto) -> Result<OnnxTensor, String> {
    let name = proto.name.clone();
    let named = |problem: String| format!("tensor `{name}`: {problem}");
    if proto.segment.is_some() {
        return Err(named("it is stored in segments; save it whole".into()));
    }
    let (shape, len) = extents(&proto.dims).map_err(named)?;
    let data = elements(proto, len);
    match data.len() {
        Some(found) if found != len => Err(named(format!("shape {shape:?} has {len} elements, the data {found}"))),
        _ => Ok(OnnxTensor { name, shape, data }),
    }
}

/// A sparse tensor with its zeros.
pub(crate) fn dense(proto: &SparseTensorProto) -> Result<OnnxTensor, String> {
    let (Some(values), Some(indices)) = (&proto.values, &proto.indices) else {
        return Err("a sparse tensor without values or indices".into());
    };
    let (values, indices) = (tensor(values)?, tensor(indices)?);
    let fail = |problem: &str| Err(format!("sparse tensor `{}`: {problem}", values.name));
    let (TensorData::F32(numbers), TensorData::I64(indices)) = (&values.data, &indices.data) else {
        return fail("its values are not FLOAT, or its indices not INT64; store it dense");
    };
    let (shape, len) = extents(&proto.dims)?;
    let [each, beside] = SPARSE_MAX;
    if len > numbers.len().saturating_mul(each).saturating_add(beside) {
        return fail("it has far more zeros than numbers");
    }
    // One index for each number, or one for each axis of it.
    let axes: &[usize] = if indices.len() == numbers.len() { &[len] } else { &shape };
    if axes.is_empty() || indices.len() != numbers.len().saturating_mul(axes.len()) {
        return fail("it has not as many indices as numbers");
    }
    let mut dense = vec![0.0; len];
    for (&number, index) in numbers.iter().zip(indices.chunks_exact(axes.len())) {
        let at = axes.iter().zip(index).try_fold(0usize, |at, (&extent, &index)| {
            let index = usize::try_from(index).ok().filter(|&index| index < extent)?;
            Some(at * extent + index)
        });
        match at.and_then(|at| dense.get_mut(at)) {
            Some(slot) => *slot = number,
            None => return fail("an index is outside of it"),
        }
    }
    Ok(OnnxTensor { name: values.name, shape, data: TensorData::F32(dense) })
}

/// Bytes that a tensor takes as raw data.
pub(crate) fn size_bytes(proto: &TensorProto) -> Result<usize, String> {
    let (_, len) = extents(&proto.dims)?;
    let bits = match proto.data_type {
        type_code::UINT4 | type_code::INT4 => 4,
        type_code::UINT8 | type_code::INT8 | type_code::BOOL => 8,
        type_code::UINT16 | type_code::INT16 | type_code::FLOAT16 | type_code::BFLOAT16 => 16,
        type_code::FLOAT | type_code::INT32 | type_code::UINT32 => 32,
        type_code::DOUBLE | type_code::INT64 | type_code::UINT64 => 64,
        other => return Err(format!("it is {}, which is not read", crate::type_name(other))),
    };
    len.checked_mul(bits).map(|bits| bits.div_ceil(8)).ok_or_else(|| "its shape is too large".into())
}

/// A shape and the number of its elements.
fn extents(dims: &[i64]) -> Result<(Vec<usize>, usize), String> {
    let extents: Option<Vec<usize>> = dims.iter().map(|&extent| usize::try_from(extent).ok()).collect();
    let Some(shape) = extents else {
        return Err(format!("shape {dims:?} is negative"));
    };
    let len = shape.iter().try_fold(1usize, |len, &extent| len.checked_mul(extent));
    len.map_or_else(|| Err(format!("shape {dims:?} is too large")), |len| Ok((shape, len)))
}

/// The `len` elements, from the raw bytes or from the typed list that goes with the type. Where there are not as many
/// bytes as `len` wants there are more or fewer elements, which the caller counts.
fn elements(proto: &TensorProto, len: usize) -> TensorData {
    let raw = proto.raw_data.as_slice();
    let is_raw = !raw.is_empty();
    let narrow = proto.int32_data.as_slice();
    match proto.data_type {
        type_code::FLOAT if is_raw => TensorData::F32(chunks(raw, f32::from_le_bytes)),
        type_code::FLOAT => TensorData::F32(proto.float_data.clone()),
        type_code::DOUBLE if is_raw => TensorData::F64(chunks(raw, f64::from_le_bytes)),
        type_code::DOUBLE => TensorData::F64(proto.double_data.clone()),
        type_code::FLOAT16 if is_raw => TensorData::F16(chunks(raw, u16::from_le_bytes)),
        type_code::FLOAT16 => TensorData::F16(each(narrow, |bits| bits as u16)),
        type_code::BFLOAT16 if is_raw => TensorData::Bf16(chunks(raw, u16::from_le_bytes)),
        type_code::BFLOAT16 => TensorData::Bf16(each(narrow, |bits| bits as u16)),
        type_code::INT64 if is_raw => TensorData::I64(chunks(raw, i64::from_le_bytes)),
        type_code::INT64 => TensorData::I64(proto.int64_data.clone()),
        type_code::UINT64 if is_raw => TensorData::U64(chunks(raw, u64::from_le_bytes)),
        type_code::UINT64 => TensorData::U64(proto.uint64_data.clone()),
        type_code::INT32 if is_raw => TensorData::I32(chunks(raw, i32::from_le_bytes)),
        type_code::INT32 => TensorData::I32(narrow.to_vec()),
        type_code::UINT32 if is_raw => TensorData::U32(chunks(raw, u32::from_le_bytes)),
        type_code::UINT32 => TensorData::U32(each(&proto.uint64_data, |value| value as u32)),
        type_code::INT16 if is_raw => TensorData::I16(chunks(raw, i16::from_le_bytes)),
        type_code::INT16 => TensorData::I16(each(narrow, |value| value as i16)),
        type_code::UINT16 if is_raw => TensorData::U16(chunks(raw, u16::from_le_bytes)),
        type_code::UINT16 => TensorData::U16(each(narrow, |value| value as u16)),
        type_code::INT8 if is_raw => TensorData::I8(chunks(raw, i8::from_le_bytes)),
        type_code::INT8 => TensorData::I8(each(narrow, |value| value as i8)),
        type_code::UINT8 if is_raw => TensorData::U8(raw.to_vec()),
        type_code::UINT8 => TensorData::U8(each(narrow, |value| value as u8)),
        type_code::INT4 if is_raw => TensorData::I4(signed(nibbles(raw, len))),
        type_code::INT4 => TensorData::I4(signed(nibbles(&each(narrow, |pair| pair as u8), len))),
        type_code::UINT4 if is_raw => TensorData::U4(nibbles(raw, len)),
        type_code::UINT4 => TensorData::U4(nibbles(&each(narrow, |pair| pair as u8), len)),
        type_code::BOOL if is_raw => TensorData::Bool(each(raw, |byte| byte != 0)),
        type_code::BOOL => TensorData::Bool(each(narrow, |value| value != 0)),
        type_code::STRING => {
            TensorData::Text(proto.string_data.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect())
        }
        other => TensorData::Other(other),
    }
}

fn each<A: Copy, B>(list: &[A], convert: fn(A) -> B) -> Vec<B> {
    list.iter().map(|&element| convert(element)).collect()
}

fn chunks<const N: usize, T>(raw: &[u8], convert: fn([u8; N]) -> T) -> Vec<T> {
    let (chunks, rest) = raw.as_chunks();
    // Bytes that are no whole element are one too few of them.
    let whole = if rest.is_empty() { chunks } else { &[] };
    whole.iter().map(|chunk| convert(*chunk)).collect()
}

/// Two elements a byte, the first in the low half; the last byte of an odd number of them has one.
fn nibbles(bytes: &[u8], len: usize) -> Vec<u8> {
    let all = bytes.iter().flat_map(|&pair| [pair & 15, pair >> 4]);
    all.take(if bytes.len() == len.div_ceil(2) { len } else { usize::MAX }).collect()
}

fn signed(nibbles: Vec<u8>) -> Vec<i8> {
    nibbles.into_iter().map(|nibble| (nibble << 4) as i8 >> 4).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(code: i32, dims: &[i64], bytes: &[u8]) -> Result<TensorData, String> {
        let proto =
            TensorProto { data_type: code, dims: dims.to_vec(), raw_data: bytes.to_vec(), ..Default::default() };
        tensor(&proto).map(|tensor| tensor.data)
    }

    fn listed(code: i32, list: &[i32]) -> Result<TensorData, String> {
        let (dims, int32_data) = (vec![3], list.to_vec());
        tensor(&TensorProto { data_type: code, dims, int32_data, ..Default::default() }).map(|tensor| tensor.data)
    }

    #[test]
    fn every_type_is_read_from_bytes_and_from_its_list() {
        assert_eq!(raw(type_code::FLOAT16, &[2], &[0, 0x3c, 0, 0xc0]), Ok(TensorData::F16(vec![0x3c00, 0xc000])));
        assert_eq!(raw(type_code::BFLOAT16, &[1], &[0x80, 0x3f]), Ok(TensorData::Bf16(vec![0x3f80])));
        assert_eq!(raw(type_code::INT16, &[1], &[0xfe, 0xff]), Ok(TensorData::I16(vec![-2])));
        assert_eq!(raw(type_code::UINT16, &[1], &[0xfe, 0xff]), Ok(TensorData::U16(vec![0xfffe])));
        assert_eq!(raw(type_code::UINT32, &[1], &[1, 0, 0, 0x80]), Ok(TensorData::U32(vec![0x8000_0001])));
        assert_eq!(raw(type_code::UINT64, &[1], &[1, 0, 0, 0, 0, 0, 0, 0]), Ok(TensorData::U64(vec![1])));
        assert_eq!(raw(type_code::INT4, &[3], &[0x8f, 0x07]), Ok(TensorData::I4(vec![-1, -8, 7])));
        assert_eq!(raw(type_code::UINT4, &[3], &[0x8f, 0x07]), Ok(TensorData::U4(vec![15, 8, 7])));
        assert_eq!(listed(type_code::FLOAT16, &[0x3c00, 0, 0xc000]), Ok(TensorData::F16(vec![0x3c00, 0, 0xc000])));
        assert_eq!(listed(type_code::INT8, &[-1, 0, 1]), Ok(TensorData::I8(vec![-1, 0, 1])));
        assert_eq!(listed(type_code::UINT16, &[1, 2, 0xffff]), Ok(TensorData::U16(vec![1, 2, 0xffff])));
        assert_eq!(listed(type_code::INT4, &[0x8f, 0x07]), Ok(TensorData::I4(vec![-1, -8, 7])));
        assert_eq!(raw(type_code::BOOL, &[2], &[2, 0]), Ok(TensorData::Bool(vec![true, false])));
    }

    #[test]
    fn bytes_and_shapes_must_agree() {
        for (code, dims, bytes) in [
            (type_code::FLOAT, 2, 4),
            (type_code::FLOAT, 1, 5),
            (type_code::FLOAT16, 2, 3),
            (type_code::INT4, 3, 1),
            (type_code::INT4, 1, 2),
            (type_code::UINT8, -1, 1),
        ] {
            assert!(raw(code, &[dims], &vec![1; bytes]).is_err(), "{code} {dims} {bytes}");
        }
        assert!(raw(type_code::UINT8, &[i64::MAX, 3], &[1]).is_err());
        assert_eq!(raw(14, &[1], &[0; 8]), Ok(TensorData::Other(14)));
    }

    #[test]
    fn sparse_tensors_get_their_zeros() {
        let part = |code: i32, dims: &[i64], raw_data: Vec<u8>| {
            Some(TensorProto { data_type: code, dims: dims.to_vec(), raw_data, ..Default::default() })
        };
        let longs = |list: &[i64]| list.iter().flat_map(|index| index.to_le_bytes()).collect::<Vec<u8>>();
        let sparse = |dims: &[i64], indices: &[i64], index_dims: &[i64]| {
            let values = part(type_code::FLOAT, &[2], [1.0f32, 2.0].iter().flat_map(|x| x.to_le_bytes()).collect());
            let indices = part(type_code::INT64, index_dims, longs(indices));
            dense(&SparseTensorProto { values, indices, dims: dims.to_vec() }).map(|tensor| tensor.data)
        };
        assert_eq!(sparse(&[2, 2], &[1, 2], &[2]), Ok(TensorData::F32(vec![0.0, 1.0, 2.0, 0.0])));
        assert_eq!(sparse(&[2, 2], &[0, 0, 1, 1], &[2, 2]), Ok(TensorData::F32(vec![1.0, 0.0, 0.0, 2.0])));
        for (dims, indices, index_dims) in [
            (&[2, 2][..], &[1, 4][..], &[2][..]),
            (&[2, 2], &[-1, 0], &[2]),
            (&[2, 2], &[0], &[1]),
            (&[], &[], &[0]),
            (&[1 << 40], &[0, 1], &[2]),
        ] {
            assert!(sparse(dims, indices, index_dims).is_err(), "{dims:?} {indices:?}");
        }
    }
}
