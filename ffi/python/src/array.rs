//! NumPy's arrays, by the buffers of Python's stable interface: no package for NumPy, and none of its versions, is needed.

use kinglet_quantize::data::npy::{Array, ElementType};
use pyo3::buffer::{Element, PyUntypedBuffer};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyByteArray, PyTuple};

use crate::error::{Kind, exception};

/// An array of NumPy as the library has arrays. `element` is NumPy's name of its type, without the order of bytes.
pub(crate) fn read(py: Python<'_>, name: String, element: &str, array: &Bound<'_, PyAny>) -> PyResult<Array> {
    let buffer = PyUntypedBuffer::get(array)?;
    let (element_type, bytes) = match element {
        "f4" => (ElementType::F32, bytes(py, &buffer, f32::to_le_bytes)?),
        "f8" => (ElementType::F64, bytes(py, &buffer, f64::to_le_bytes)?),
        "i1" => (ElementType::I8, bytes(py, &buffer, i8::to_le_bytes)?),
        "u1" => (ElementType::U8, bytes(py, &buffer, u8::to_le_bytes)?),
        "i2" => (ElementType::I16, bytes(py, &buffer, i16::to_le_bytes)?),
        "u2" => (ElementType::U16, bytes(py, &buffer, u16::to_le_bytes)?),
        "i4" => (ElementType::I32, bytes(py, &buffer, i32::to_le_bytes)?),
        "u4" => (ElementType::U32, bytes(py, &buffer, u32::to_le_bytes)?),
        "i8" => (ElementType::I64, bytes(py, &buffer, i64::to_le_bytes)?),
        "u8" => (ElementType::U64, bytes(py, &buffer, u64::to_le_bytes)?),
        other => {
            let text = format!("`{name}` has elements of type `{other}`; give float32, for instance");
            return Err(exception(py, Kind::Data, text));
        }
    };
    Ok(Array { name, shape: buffer.shape().to_vec(), element_type, bytes })
}

/// The elements of a buffer in row-major order, little-endian.
fn bytes<T: Element, const N: usize>(
    py: Python<'_>,
    buffer: &PyUntypedBuffer,
    little_endian: impl Fn(T) -> [u8; N],
) -> PyResult<Vec<u8>> {
    let elements = buffer.as_typed::<T>()?.to_vec(py)?;
    let mut bytes = vec![0; elements.len() * N];
    let (chunks, _) = bytes.as_chunks_mut::<N>();
    chunks.iter_mut().zip(elements).for_each(|(chunk, element)| *chunk = little_endian(element));
    Ok(bytes)
}

/// The same as an array of NumPy that owns its memory.
pub(crate) fn written<'py>(py: Python<'py>, array: &Array) -> PyResult<Bound<'py, PyAny>> {
    static NDARRAY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let class = NDARRAY.get_or_try_init(py, || Ok::<_, PyErr>(py.import("numpy")?.getattr("ndarray")?.unbind()))?;
    let shape = PyTuple::new(py, &array.shape)?;
    class.bind(py).call1((shape, description(array.element_type), PyByteArray::new(py, &array.bytes)))
}

/// NumPy's name of a type.
pub(crate) fn description(element_type: ElementType) -> &'static str {
    match element_type {
        ElementType::Bool => "?",
        ElementType::I8 => "i1",
        ElementType::U8 => "u1",
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
