//! Detections: the custom operator TFLite_Detection_PostProcess, regular and fast.

use super::Importer;
use super::call::{Call, EXPORT_AGAIN};
use super::flexbuffer;
use crate::import::build::{Convert, refuse};
use crate::ir::{DType, Value, ValueId};
use crate::op::{Dequantize, Detect, Split};

/// The operator's attributes.
struct Attributes(flexbuffer::Numbers);

impl Attributes {
    fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(known, _)| known == name).map(|&(_, number)| number)
    }

    fn float(&self, name: &str) -> Convert<f32> {
        match self.get(name) {
            Some(number) => Ok(number as f32),
            None => refuse(format!("has no attribute `{name}`"), EXPORT_AGAIN),
        }
    }

    fn count(&self, name: &str, default: Option<f64>) -> Convert<usize> {
        match self.get(name).or(default).filter(|&number| (1.0..=65536.0).contains(&number)) {
            Some(number) => Ok(number as usize),
            None => refuse(format!("attribute `{name}` is {:?}", self.get(name)), "1 to 65536 are supported"),
        }
    }
}

impl Importer<'_, '_> {
    /// Operand `position` as floats of two axes.
    fn rows_of_floats(&mut self, call: &Call<'_, '_>, position: usize) -> Convert<ValueId> {
        let tensor = call.tensor(position);
        let mut x = if self.is_computed(tensor)? { self.value(tensor)? } else { self.widened(tensor)? };
        let dtype = self.builder.graph.value(x).dtype;
        if matches!(dtype, DType::I8 | DType::I16) {
            let name = format!("{}/operand{position}", call.name);
            x = self.builder.apply_typed(&name, Dequantize.into(), vec![x], (DType::F32, None))?;
        }
        let shape = self.shape_of(x);
        let rows = match shape.as_slice() {
            &[1, rows, columns] | &[rows, columns] => vec![rows, columns],
            _ => return refuse(format!("operand {position} has shape {shape:?}"), "use one image at a time"),
        };
        self.charge_copy(x)?;
        self.builder.reshape(&format!("{}/rows{position}", call.name), x, rows)
    }
}

pub(super) fn detections(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let Some(numbers) = flexbuffer::numbers(call.operator.custom_options) else {
        return refuse("its attributes cannot be read", EXPORT_AGAIN);
    };
    let attributes = Attributes(numbers);
    let mut operands = Vec::with_capacity(3);
    for position in 0..3 {
        operands.push(importer.rows_of_floats(call, position)?);
    }
    let names = ["y_scale", "x_scale", "h_scale", "w_scale"];
    let mut scales = [0.0; 4];
    for (scale, name) in scales.iter_mut().zip(names) {
        *scale = attributes.float(name)?;
    }
    let detect = Detect {
        classes: attributes.count("num_classes", None)?,
        limit: attributes.count("max_detections", None)?,
        per_box: attributes.count("max_classes_per_detection", None)?,
        per_class: attributes.count("detections_per_class", Some(100.0))?,
        score_min: attributes.float("nms_score_threshold")?,
        likeness_max: attributes.float("nms_iou_threshold")?,
        scales,
        is_by_class: attributes.get("use_regular_nms").is_some_and(|flag| flag != 0.0),
    };
    let room = detect.room();
    let found = importer.builder.apply(call.name, detect.into(), operands)?;
    let split = Split { axis: 0, sizes: vec![4 * room, room, room, 1] };
    let parts = importer.builder.apply_all(&format!("{}/parts", call.name), split.into(), vec![found])?;
    let shapes = [vec![1, room, 4], vec![1, room], vec![1, room], vec![1]];
    if call.operator.outputs.len() != parts.len() {
        return refuse(format!("has {} results", call.operator.outputs.len()), EXPORT_AGAIN);
    }
    for ((&tensor, part), shape) in call.operator.outputs.iter().zip(parts).zip(shapes) {
        // A file need not declare these shapes: the operator makes them when a model is loaded.
        let name = importer.tensor_name(tensor);
        let result = Value { name, dtype: DType::F32, shape, quantization: None, elements: None };
        let result = importer.builder.value(result)?;
        importer.builder.node(call.name, crate::op::Reshape.into(), vec![part], result)?;
        if importer.values.insert(tensor, result).is_some() {
            return refuse("computes what is computed elsewhere", EXPORT_AGAIN);
        }
    }
    Ok(())
}
