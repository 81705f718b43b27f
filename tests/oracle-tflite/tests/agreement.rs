//! Every model in TensorFlow Lite and in Kinglet, on the same inputs.

use std::path::{Path, PathBuf};

use kinglet_tflite_oracle::{Failure, FloatDifference, Kinglet, QuantaDifference, Subject, Tolerance, Vector};
use kinglet_tflite_oracle::{subjects, top};
use tflitec::interpreter::{Interpreter, Options};
use tflitec::model::Model;
use tflitec::tensor::DataType;

/// Multiplied with the vectors' elements for float inputs: from -1 up to below 1, and the elements themselves.
const FLOAT_SCALES: [f32; 2] = [1.0 / 128.0, 1.0];

/// An input or an output.
enum Values {
    Int8(Vec<i8>),
    Float(Vec<f32>),
}

impl Values {
    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Values::Int8(values) => values.iter().map(|value| value.cast_unsigned()).collect(),
            Values::Float(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        }
    }

    /// Of the type that this has.
    fn like(&self, bytes: &[u8]) -> Values {
        match self {
            Values::Int8(_) => Values::Int8(bytes.iter().map(|byte| byte.cast_signed()).collect()),
            Values::Float(_) => {
                Values::Float(bytes.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)).collect())
            }
        }
    }
}

/// A model in TensorFlow Lite.
struct Lite<'m>(Interpreter<'m>);

impl<'m> Lite<'m> {
    fn new(model: &'m Model<'m>) -> Result<Self, tflitec::Error> {
        // One thread: sums in one order.
        let interpreter = Interpreter::new(model, Some(Options { thread_count: 1 }))?;
        interpreter.allocate_tensors()?;
        assert_eq!((interpreter.input_tensor_count(), interpreter.output_tensor_count()), (1, 1));
        Ok(Lite(interpreter))
    }

    /// All inputs to compare on, named.
    fn inputs(&self) -> Result<Vec<(String, Values)>, tflitec::Error> {
        let tensor = self.0.input(0)?;
        let len = tensor.shape().dimensions().iter().product();
        let int8 = |vector: Vector| (vector.to_string(), Values::Int8(vector.elements(len)));
        let scaled = |vector: Vector| {
            FLOAT_SCALES.map(|scale| (format!("{vector} x {scale}"), Values::Float(vector.reals(len, scale))))
        };
        Ok(match tensor.data_type() {
            DataType::Int8 => Vector::ALL.map(int8).into(),
            DataType::Float32 => Vector::ALL.into_iter().flat_map(scaled).collect(),
            other => panic!("inputs of type {other:?} are not compared"),
        })
    }

    fn run(&self, input: &Values) -> Result<Values, tflitec::Error> {
        match input {
            Values::Int8(values) => self.0.copy(values, 0)?,
            Values::Float(values) => self.0.copy(values, 0)?,
        }
        self.0.invoke()?;
        let tensor = self.0.output(0)?;
        Ok(match tensor.data_type() {
            DataType::Int8 => Values::Int8(tensor.data().to_vec()),
            DataType::Float32 => Values::Float(tensor.data().to_vec()),
            other => panic!("outputs of type {other:?} are not compared"),
        })
    }
}

/// What was seen on one input: a line for people, and whether it is within the tolerance.
fn compare(subject: &Subject, ours: &Values, theirs: &Values) -> (String, bool) {
    let (text, within, tops) = match (ours, theirs, subject.tolerance) {
        (Values::Int8(ours), Values::Int8(theirs), Tolerance::Quanta(quanta)) => {
            let Some(difference) = QuantaDifference::between(ours, theirs) else { return lengths() };
            let QuantaDifference { differing, len, largest } = difference;
            let text = format!("{differing} of {len} differ, by at most {largest} of {quanta}");
            let wide = |values: &[i8]| top(&values.iter().map(|value| f32::from(*value)).collect::<Vec<_>>());
            (text, largest <= quanta, wide(ours).zip(wide(theirs)))
        }
        (Values::Float(ours), Values::Float(theirs), Tolerance::OfOutput(part)) => {
            let Some(difference) = FloatDifference::between(ours, theirs) else { return lengths() };
            let FloatDifference { len, of_output, of_element } = difference;
            let text = format!("{len} floats, {of_output:.1e} of {part:.0e} (each by itself {of_element:.1e})");
            (text, of_output <= part, top(ours).zip(top(theirs)))
        }
        _ => return ("the types of the outputs are not those of the model's name".to_owned(), false),
    };
    match tops.filter(|_| subject.classifies) {
        // Where two classes share the first place, either is right.
        Some(((our, _), (their, lead))) => {
            let same = our == their || lead == 0.0;
            (format!("{text}; class {our} and {their}, lead {lead}"), within && same)
        }
        None => (text, within),
    }
}

fn lengths() -> (String, bool) {
    ("the outputs have different lengths".to_owned(), false)
}

fn check(kinglet: &Kinglet, subject: &Subject) -> Result<Vec<String>, Failure> {
    let lite_failure = |error: tflitec::Error| Failure(format!("TensorFlow Lite: {error}"));
    let path = subject.path.to_str().ok_or_else(|| Failure("the path is not Unicode".to_owned()))?;
    let model = Model::new(path).map_err(lite_failure)?;
    let lite = Lite::new(&model).map_err(lite_failure)?;
    let blob = kinglet.compile(&subject.path)?;
    let mut beyond = Vec::new();
    for (name, input) in lite.inputs().map_err(lite_failure)? {
        let theirs = lite.run(&input).map_err(lite_failure)?;
        let ours = theirs.like(&kinglet.run(&blob, &input.to_bytes())?);
        let (text, within) = compare(subject, &ours, &theirs);
        println!("{:<34} {name:<18} {text}", subject.name);
        if !within {
            beyond.push(format!("{} on {name}: {text}", subject.name));
        }
    }
    Ok(beyond)
}

#[test]
fn every_model_agrees_with_tensorflow_lite() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = std::env::var_os("KINGLET_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("agreement");
    let kinglet = Kinglet::find(&root, &folder).unwrap_or_else(|failure| panic!("{failure}"));
    let (subjects, absent) = subjects(&root, &shared);
    absent.iter().for_each(|folder| println!("skipped: tflite-oracle: {folder}"));
    println!("TensorFlow Lite {}", tflitec::tf_lite_version());
    let mut beyond = Vec::new();
    for subject in &subjects {
        if let Some(why) = subject.beyond_library(tflitec::tf_lite_version()) {
            println!("skipped: tflite-oracle: {}: {why}", subject.name);
            continue;
        }
        match check(&kinglet, subject) {
            Ok(more) => beyond.extend(more),
            Err(failure) => beyond.push(format!("{}: {failure}", subject.name)),
        }
    }
    // The repository's own models are always there.
    assert!(subjects.len() >= 4, "only {} models were found", subjects.len());
    assert!(beyond.is_empty(), "beyond the tolerance:\n{}", beyond.join("\n"));
}
