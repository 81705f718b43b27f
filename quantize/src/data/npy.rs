//! NumPy arrays: `.npy` files, and `.npz` archives of them.
//!
//! The header is a line of Python in a fixed order of keys, thirty lines to read; the known crates for it bring
//! a parser generator along and allocate whatever a header claims. Here memory grows with the bytes that
//! are really there, so a hostile header or archive costs no more than its own size (and [`SIZE_BYTES_MAX`]).

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use crate::{file, half};

/// Largest array that is read.
pub const SIZE_BYTES_MAX: u64 = 1 << 32;

/// Largest header that is read; NumPy writes 118 bytes for ordinary arrays.
const HEADER_BYTES_MAX: usize = 1 << 16;

/// Element type of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "NumPy's own names")]
pub enum ElementType {
    Bool,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
}

/// One array, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Its name in the archive; the file's stem for a `.npy`.
    pub name: String,
    /// Extent of each axis.
    pub shape: Vec<usize>,
    /// Element type.
    pub element_type: ElementType,
    /// The elements, little-endian.
    pub bytes: Vec<u8>,
}

/// A file of arrays that cannot be used, and why.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {problem}", .file.display(), .array.as_ref().map(|name| format!(", array `{name}`")).unwrap_or_default())]
pub struct ArrayError {
    /// The file.
    pub file: PathBuf,
    /// The array within it, when it is about one.
    pub array: Option<String>,
    /// What is wrong and what to do.
    pub problem: String,
}

impl ElementType {
    /// Bytes of one element.
    pub fn size_bytes(self) -> usize {
        match self {
            ElementType::Bool | ElementType::I8 | ElementType::U8 => 1,
            ElementType::I16 | ElementType::U16 => 2,
            ElementType::I32 | ElementType::U32 | ElementType::F32 => 4,
            ElementType::I64 | ElementType::U64 | ElementType::F64 => 8,
        }
    }

    /// Whether the elements are whole numbers, or true and false.
    pub fn is_integer(self) -> bool {
        !matches!(self, ElementType::F32 | ElementType::F64)
    }

    /// The type of NumPy's description without its order of bytes, `f4` for instance.
    fn from_description(description: &str) -> Result<Self, String> {
        Ok(match description {
            "b1" => ElementType::Bool,
            "i1" => ElementType::I8,
            "u1" => ElementType::U8,
            "i2" => ElementType::I16,
            "u2" => ElementType::U16,
            "i4" => ElementType::I32,
            "u4" => ElementType::U32,
            "i8" => ElementType::I64,
            "u8" => ElementType::U64,
            "f4" => ElementType::F32,
            "f8" => ElementType::F64,
            _ => return Err(format!("has elements of type `{description}`; store it as float32, for instance")),
        })
    }
}

/// How elements lie in a file; in an [`Array`] they are little-endian and row-major, and wide enough for a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stored {
    /// What they become.
    element_type: ElementType,
    /// Half-precision floats, which become single ones.
    is_half: bool,
    is_big_endian: bool,
    is_column_major: bool,
}

impl Stored {
    fn size_bytes(self) -> usize {
        if self.is_half { 2 } else { self.element_type.size_bytes() }
    }

    /// The elements as an array has them.
    fn arrange(self, mut bytes: Vec<u8>, shape: &[usize]) -> Vec<u8> {
        if self.is_big_endian {
            bytes.chunks_exact_mut(self.size_bytes()).for_each(<[u8]>::reverse);
        }
        if self.is_half {
            bytes = half::float16s(&bytes).into_iter().flat_map(f32::to_le_bytes).collect();
        }
        if self.is_column_major && shape.len() > 1 {
            bytes = row_major(&bytes, shape, self.element_type.size_bytes());
        }
        bytes
    }
}

/// Elements of `size` bytes that lie with the first axis innermost, with the last one innermost.
fn row_major(bytes: &[u8], shape: &[usize], size: usize) -> Vec<u8> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for extent in shape {
        strides.push(stride);
        stride *= extent;
    }
    let mut moved = Vec::with_capacity(bytes.len());
    let mut index = vec![0; shape.len()];
    for _ in 0..bytes.len() / size {
        let at: usize = index.iter().zip(&strides).map(|(index, stride)| index * stride).sum();
        moved.extend_from_slice(bytes.get(at * size..(at + 1) * size).unwrap_or_default());
        // The last axis runs fastest.
        for (position, extent) in index.iter_mut().zip(shape).rev() {
            *position += 1;
            if *position < *extent {
                break;
            }
            *position = 0;
        }
    }
    moved
}

impl Array {
    /// An array of `f32`.
    pub fn of_reals(name: String, shape: Vec<usize>, elements: &[f32]) -> Self {
        let bytes = elements.iter().flat_map(|element| element.to_le_bytes()).collect();
        Array { name, shape, element_type: ElementType::F32, bytes }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.element_type.size_bytes()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The elements as `f64`, which holds all of them exactly but 64-bit integers beyond 2^53.
    pub fn elements(&self) -> impl Iterator<Item = f64> + '_ {
        self.bytes.chunks_exact(self.element_type.size_bytes()).map(|b| match (self.element_type, b) {
            (ElementType::Bool, &[a]) => f64::from(u8::from(a != 0)),
            (ElementType::I8, &[a]) => f64::from(a as i8),
            (ElementType::U8, &[a]) => f64::from(a),
            (ElementType::I16, &[a, b]) => f64::from(i16::from_le_bytes([a, b])),
            (ElementType::U16, &[a, b]) => f64::from(u16::from_le_bytes([a, b])),
            (ElementType::I32, &[a, b, c, d]) => f64::from(i32::from_le_bytes([a, b, c, d])),
            (ElementType::U32, &[a, b, c, d]) => f64::from(u32::from_le_bytes([a, b, c, d])),
            (ElementType::F32, &[a, b, c, d]) => f64::from(f32::from_le_bytes([a, b, c, d])),
            (ElementType::I64, &[a, b, c, d, e, f, g, h]) => i64::from_le_bytes([a, b, c, d, e, f, g, h]) as f64,
            (ElementType::U64, &[a, b, c, d, e, f, g, h]) => u64::from_le_bytes([a, b, c, d, e, f, g, h]) as f64,
            (ElementType::F64, &[a, b, c, d, e, f, g, h]) => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
            _ => f64::NAN,
        })
    }

    /// The elements as `f32`, rounded.
    pub fn to_f32(&self) -> Vec<f32> {
        if self.element_type == ElementType::F32 {
            return self.bytes.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect();
        }
        self.elements().map(|element| element as f32).collect()
    }
}

impl Array {
    /// [`Array::to_f32`] of samples of `sample_len` elements, none of which may be infinite or no number.
    pub(crate) fn finite_f32(&self, sample_len: usize) -> Result<Vec<f32>, String> {
        let elements = self.to_f32();
        match elements.iter().position(|element| !element.is_finite()) {
            Some(index) => {
                let (element, sample) = (elements[index], index / sample_len.max(1));
                Err(format!("holds {element} in sample {sample} (element {index}); remove or repair it"))
            }
            None => Ok(elements),
        }
    }
}

/// Reads a `.npy` file, or all arrays of a `.npz` archive in its order.
pub fn read_arrays(path: &Path) -> Result<Vec<Array>, ArrayError> {
    let error = |array: Option<&str>, problem: String| {
        let (file, array) = (path.to_path_buf(), array.map(str::to_owned));
        ArrayError { file, array, problem }
    };
    let mut file = open(path).map_err(|problem| error(None, problem))?;
    let mut magic = [0; 2];
    let short = |_| error(None, "is too short for a .npy file or a .npz archive".into());
    file.read_exact(&mut magic).map_err(short)?;
    let rewound = || open(path).map_err(|problem| error(None, problem));
    if &magic == b"PK" {
        return read_archive(rewound()?, error);
    }
    let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let array = read_npy(rewound()?, name).map_err(|problem| error(None, problem))?;
    Ok(vec![array])
}

fn open(path: &Path) -> Result<BufReader<File>, String> {
    file::open(path).map(BufReader::new).map_err(|error| format!("cannot be opened: {error}"))
}

fn read_archive(
    file: BufReader<File>,
    error: impl Fn(Option<&str>, String) -> ArrayError,
) -> Result<Vec<Array>, ArrayError> {
    let broken = |problem: zip::result::ZipError| error(None, format!("is not a readable .npz archive: {problem}"));
    let mut archive = zip::ZipArchive::new(file).map_err(broken)?;
    // The archive keeps one member of a name and forgets the others.
    if archive.has_duplicate_names() {
        let problem = "holds two members of one name; write the archive again with each name once";
        return Err(error(None, problem.into()));
    }
    let mut arrays = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(broken)?;
        let entry_name = entry.name().map_err(broken)?.into_owned();
        let Some(name) = entry_name.strip_suffix(".npy") else { continue };
        let array = read_npy(entry, name.to_owned()).map_err(|problem| error(Some(name), problem))?;
        arrays.push(array);
    }
    Ok(arrays)
}

/// Reads one array in NumPy's format, versions 1 to 3.
pub fn read_npy(mut source: impl Read, name: String) -> Result<Array, String> {
    let cut = |error: std::io::Error| format!("ends within its header: {error}");
    let mut start = [0; 8];
    source.read_exact(&mut start).map_err(cut)?;
    if !start.starts_with(b"\x93NUMPY") {
        return Err("is no NumPy array: it does not start with \\x93NUMPY".into());
    }
    let header_len = if start[6] == 1 {
        let mut len = [0; 2];
        source.read_exact(&mut len).map_err(cut)?;
        usize::from(u16::from_le_bytes(len))
    } else {
        let mut len = [0; 4];
        source.read_exact(&mut len).map_err(cut)?;
        u32::from_le_bytes(len) as usize
    };
    if header_len > HEADER_BYTES_MAX {
        return Err(format!("has a header of {header_len} bytes; at most {HEADER_BYTES_MAX} are read"));
    }
    let mut header = vec![0; header_len];
    source.read_exact(&mut header).map_err(cut)?;
    let header = String::from_utf8_lossy(&header);
    let (stored, shape) = parse_header(&header)?;
    let len = shape.iter().try_fold(1u64, |len, &extent| len.checked_mul(extent as u64));
    let size_bytes = len.and_then(|len| len.checked_mul(stored.size_bytes() as u64));
    let Some(size_bytes) = size_bytes.filter(|&size| size <= SIZE_BYTES_MAX) else {
        return Err(format!("has shape {shape:?}, which is larger than {SIZE_BYTES_MAX} bytes"));
    };
    let mut bytes = Vec::new();
    source.take(size_bytes).read_to_end(&mut bytes).map_err(|error| format!("cannot be read: {error}"))?;
    if (bytes.len() as u64) < size_bytes {
        return Err(format!("ends after {} of {size_bytes} bytes of elements", bytes.len()));
    }
    let bytes = stored.arrange(bytes, &shape);
    Ok(Array { name, shape, element_type: stored.element_type, bytes })
}

/// Elements and shape of `{'descr': '<f4', 'fortran_order': False, 'shape': (256, 288), }`.
fn parse_header(header: &str) -> Result<(Stored, Vec<usize>), String> {
    let after = |key: &str| {
        let (_, rest) =
            header.split_once(&format!("'{key}':")).ok_or_else(|| format!("has no '{key}' in its header"))?;
        Ok::<&str, String>(rest.trim_start())
    };
    let description = after("descr")?.strip_prefix('\'').and_then(|rest| rest.split_once('\''));
    let Some((description, _)) = description else {
        return Err("has elements of a compound type; store a plain array".into());
    };
    let is_big_endian = description.starts_with('>');
    let plain = description.strip_prefix(['<', '>', '|', '=']).unwrap_or(description);
    let is_half = plain == "f2";
    let element_type = if is_half { ElementType::F32 } else { ElementType::from_description(plain)? };
    let is_column_major = after("fortran_order")?.starts_with("True");
    let stored = Stored { element_type, is_half, is_big_endian, is_column_major };
    let inside = after("shape")?.strip_prefix('(').and_then(|rest| rest.split_once(')'));
    let Some((inside, _)) = inside else { return Err("has no tuple for its shape".into()) };
    let extents = inside.split(',').map(str::trim).filter(|extent| !extent.is_empty());
    let shape: Result<Vec<usize>, _> = extents.map(str::parse).collect();
    shape.map(|shape| (stored, shape)).map_err(|_| format!("has the unreadable shape ({inside})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(header: &str, elements: &[u8]) -> Vec<u8> {
        let len = header.len() as u16;
        [b"\x93NUMPY\x01\x00", len.to_le_bytes().as_slice(), header.as_bytes(), elements].concat()
    }

    fn read(header: &str, elements: &[u8]) -> Result<Array, String> {
        read_npy(npy(header, elements).as_slice(), "x".into())
    }

    #[test]
    fn floats_and_bytes_are_read() {
        let bytes = [1.5f32, -2.0].map(f32::to_le_bytes).concat();
        let array = read("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", &bytes);
        assert_eq!(array.map(|array| (array.shape.clone(), array.to_f32())), Ok((vec![2], vec![1.5, -2.0])));
        let array = read("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2), }", &[7, 255]);
        assert_eq!(array.map(|array| array.to_f32()), Ok(vec![7.0, 255.0]));
        let scalar = read("{'descr': '<i8', 'fortran_order': False, 'shape': (), }", &[0xff; 8]);
        assert_eq!(scalar.map(|array| array.to_f32()), Ok(vec![-1.0]));
    }

    #[test]
    fn halves_other_orders_of_bytes_and_of_axes_are_read() {
        let of = |header: &str, elements: &[u8]| read(header, elements).map(|array| array.to_f32());
        let half = of("{'descr': '<f2', 'fortran_order': False, 'shape': (2,), }", &[0x00, 0x3c, 0x00, 0xc0]);
        assert_eq!(half, Ok(vec![1.0, -2.0]));
        let big = of("{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }", &[1, 0, 0xff, 0xff]);
        assert_eq!(big, Ok(vec![256.0, -1.0]));
        // [[1, 2, 3], [4, 5, 6]] column by column.
        let columns = of("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", &[1, 4, 2, 5, 3, 6]);
        assert_eq!(columns, Ok(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        let halves = of("{'descr': '>f2', 'fortran_order': True, 'shape': (1, 2), }", &[0x3c, 0, 0xc0, 0]);
        assert_eq!(halves, Ok(vec![1.0, -2.0]));
    }

    #[test]
    fn bad_headers_say_what_is_wrong() {
        let cases = [
            ("{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", "type `c8`"),
            ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "compound"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", "unreadable shape"),
            ("{'descr': '<f4', 'fortran_order': False}", "no 'shape'"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", "ends after 4 of 12"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4)}", "larger than"),
        ];
        for (header, expected) in cases {
            let problem = read(header, &[0; 4]).err().unwrap_or_default();
            assert!(problem.contains(expected), "{header}: {problem}");
        }
    }

    #[test]
    fn an_archive_with_one_name_twice_is_refused() {
        use std::io::{Cursor, Write};
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for name in ["first.npy", "other.npy"] {
            writer.start_file(name, zip::write::SimpleFileOptions::default()).expect("a new name");
            let bytes = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }", &[7]);
            writer.write_all(&bytes).expect("memory");
        }
        let good = writer.finish().expect("memory").into_inner();
        let mut twice = good.clone();
        while let Some(at) = twice.windows(5).position(|bytes| bytes == b"other") {
            twice[at..at + 5].copy_from_slice(b"first");
        }
        let path = std::env::temp_dir().join(format!("kinglet-npy-{}.npz", std::process::id()));
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).expect("a temporary file");
            read_arrays(&path).map(|arrays| arrays.len()).map_err(|error| error.to_string())
        };
        assert_eq!(read(&good), Ok(2));
        let error = read(&twice).err().unwrap_or_default();
        assert!(error.contains("kinglet-npy-") && error.contains("two members of one name"), "{error}");
        std::fs::remove_file(&path).expect("it is there");
    }

    #[test]
    fn every_truncation_is_an_error() {
        let whole = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", &[0; 8]);
        for len in 0..whole.len() {
            assert!(read_npy(&whole[..len], "x".into()).is_err(), "{len} bytes");
        }
    }
}
