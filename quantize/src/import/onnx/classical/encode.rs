//! Features that are categories, and features that are chosen.

use std::rc::Rc;

use kinglet_tract::TensorData;

use super::super::attributes::Call;
use super::super::constant::{Constant, Numbers};
use super::super::{Entry, Importer};
use super::EXPORT_AGAIN;
use super::labels::Labels;
use crate::import::build::{Convert, refuse};
use crate::import::rows;
use crate::ir::{DType, Elements, ValueId};
use crate::op::{Cast, Concat, Function, Reduce, Reduction, Select};
use crate::plain;

const NUMBER_TEXTS: &str = "encode texts as numbers before the model";

/// Integer keys up to so many are looked up in a table of all integers up to the greatest of them.
const TABLE_MAX: i64 = 4096;

/// What is mapped.
#[derive(Clone)]
enum Keys {
    Integers(Vec<i64>),
    Floats(Vec<f32>),
}

/// What it is mapped to, and what becomes of anything else.
enum Values {
    Integers(Vec<i64>, i64),
    Floats(Vec<f32>, f32),
    Texts(Vec<String>),
}

/// 1 in the column of a category, and 0 in the others: `[rows, columns, categories]`.
pub(super) fn one_hot(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    if call.strings("cats_strings")?.is_some_and(|texts| !texts.is_empty()) {
        return refuse("its categories are texts", NUMBER_TEXTS);
    }
    let categories = call.ints("cats_int64s")?.unwrap_or_default();
    let x = call.value(0)?;
    let x = importer.cast(&format!("{}/integers", call.name), x, DType::I32)?;
    let mut shape = importer.shape(x);
    shape.push(1);
    let x = importer.builder.reshape(&format!("{}/columns", call.name), x, shape.clone())?;
    let table = integers(categories)?;
    importer.budget.charge(table.len(), 4)?;
    let mut line = vec![1; shape.len()];
    line[shape.len() - 1] = table.len();
    let table = importer.builder.constant(&format!("{}/categories", call.name), line, Elements::I32(table))?;
    let is_it = importer.combined(&format!("{}/equal", call.name), Function::Equal, [x, table])?;
    if call.int("zeros", 1)? == 0 {
        importer.builder.warn(format!(
            "`{}` is to fail on a category that it does not know; it has no 1 for it instead",
            call.name
        ));
    }
    Ok(Entry::Value(importer.cast(call.name, is_it, DType::F32)?))
}

fn integers(list: &[i64]) -> Convert<Vec<i32>> {
    match list.iter().map(|&each| i32::try_from(each).ok()).collect() {
        Some(list) => Ok(list),
        None => refuse("has an integer of more than 32 bits", "a device computes with 32 bits"),
    }
}

impl Keys {
    fn of(call: &Call<'_>) -> Convert<Self> {
        if let Some(integers) = call.ints("keys_int64s")? {
            return Ok(Keys::Integers(integers.to_vec()));
        }
        if let Some(floats) = call.floats("keys_floats")? {
            return Ok(Keys::Floats(floats.to_vec()));
        }
        match call.tensor("keys_tensor")?.map(|tensor| &tensor.data) {
            Some(TensorData::I64(integers)) => Ok(Keys::Integers(integers.clone())),
            Some(TensorData::F32(floats)) => Ok(Keys::Floats(floats.clone())),
            Some(TensorData::F64(floats)) => Ok(Keys::Floats(floats.iter().map(|&key| key as f32).collect())),
            _ if call.strings("classes_strings")?.is_some() => {
                let count = call.strings("classes_strings")?.unwrap_or_default().len();
                Ok(Keys::Integers((0..count as i64).collect()))
            }
            _ => refuse("its keys are texts, or missing", NUMBER_TEXTS),
        }
    }

    fn len(&self) -> usize {
        match self {
            Keys::Integers(keys) => keys.len(),
            Keys::Floats(keys) => keys.len(),
        }
    }

    /// The keys as the integers below a bound that they are, in any order.
    fn small(&self) -> Option<Vec<usize>> {
        let Keys::Integers(keys) = self else { return None };
        keys.iter().map(|&key| usize::try_from(key).ok().filter(|_| key < TABLE_MAX)).collect()
    }
}

impl Values {
    fn of(call: &Call<'_>) -> Convert<Self> {
        if let Some(integers) = call.ints("values_int64s")? {
            return Ok(Values::Integers(integers.to_vec(), call.int("default_int64", -1)?));
        }
        if let Some(floats) = call.floats("values_floats")? {
            return Ok(Values::Floats(floats.to_vec(), call.float("default_float", -0.0)?));
        }
        for name in ["values_strings", "classes_strings"] {
            if let Some(texts) = call.strings(name)? {
                return Ok(Values::Texts(texts.to_vec()));
            }
        }
        let default = call.tensor("default_tensor")?.map(|tensor| &tensor.data);
        match call.tensor("values_tensor")?.map(|tensor| &tensor.data) {
            Some(TensorData::I64(integers)) => {
                let default = match default {
                    Some(TensorData::I64(default)) => default.first().copied(),
                    _ => None,
                };
                Ok(Values::Integers(integers.clone(), default.unwrap_or(-1)))
            }
            Some(TensorData::F32(floats)) => {
                let default = match default {
                    Some(TensorData::F32(default)) => default.first().copied(),
                    _ => None,
                };
                Ok(Values::Floats(floats.clone(), default.unwrap_or(-0.0)))
            }
            Some(TensorData::Text(texts)) => Ok(Values::Texts(texts.clone())),
            _ => refuse("its values are missing, or of a type that is not read", "use INT64, FLOAT or STRING"),
        }
    }

    /// All of them, and what becomes of anything else behind them; texts are their places.
    fn table(self, keys: &Keys) -> Convert<(Table, Option<Rc<[String]>>)> {
        let count = match &self {
            Values::Integers(values, _) => values.len(),
            Values::Floats(values, _) => values.len(),
            Values::Texts(values) => values.len(),
        };
        if count != keys.len() || count == 0 {
            return refuse(format!("has {} keys and {count} values", keys.len()), EXPORT_AGAIN);
        }
        Ok(match self {
            Values::Integers(values, default) => (Table::Integers(integers(&[values, vec![default]].concat())?), None),
            Values::Floats(values, default) => (Table::Floats([values, vec![default]].concat()), None),
            Values::Texts(values) => {
                let mut texts: Vec<String> = values.iter().map(|text| plain::name(text)).collect();
                texts.push(String::new());
                (Table::Integers((0..texts.len() as i32).collect()), Some(texts.into()))
            }
        })
    }
}

/// Values, the default last.
enum Table {
    Integers(Vec<i32>),
    Floats(Vec<f32>),
}

impl Table {
    /// Entries of it, the default for what is outside.
    fn picked(&self, places: &[usize]) -> Elements {
        fn pick<T: Copy>(values: &[T], places: &[usize]) -> Vec<T> {
            places.iter().filter_map(|&place| values.get(place).or(values.last()).copied()).collect()
        }
        match self {
            Table::Integers(values) => Elements::I32(pick(values, places)),
            Table::Floats(values) => Elements::F32(pick(values, places)),
        }
    }
}

/// Another number or text for each that is known.
pub(super) fn label_encoder(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = call.value(0)?;
    if importer.texts.contains_key(&x) {
        return refuse("maps texts", NUMBER_TEXTS);
    }
    let keys = Keys::of(call)?;
    let (table, texts) = Values::of(call)?.table(&keys)?;
    let name = format!("{}/places", call.name);
    let (places, entries) = match keys.small() {
        Some(small) => importer.places_of_small(call, x, &small)?,
        None => (importer.places_of(call, x, &keys)?, (0..=keys.len()).collect()),
    };
    importer.budget.charge(entries.len(), 4)?;
    let table = importer.builder.constant(&format!("{name}/table"), vec![entries.len()], table.picked(&entries))?;
    let y = rows::gathered(&mut importer.builder, call.name, [table, places], [0, 0])?;
    if let Some(texts) = texts {
        importer.texts.insert(y, texts);
    }
    Ok(Entry::Value(y))
}

impl Importer<'_> {
    /// Where each integer is in a table of all from 0 to the greatest key, and that table's entries by their keys; what is
    /// no key is at its end.
    fn places_of_small(&mut self, call: &Call<'_>, x: ValueId, keys: &[usize]) -> Convert<(ValueId, Vec<usize>)> {
        let name = |part: &str| format!("{}/{part}", call.name);
        let x = self.cast(&name("integers"), x, DType::I32)?;
        let end = keys.iter().max().map_or(0, |last| last + 1);
        let mut entries = vec![keys.len(); end + 1];
        // The first of equal keys counts.
        keys.iter().enumerate().rev().for_each(|(place, &key)| entries[key] = place);
        let rank = self.shape(x).len().max(1);
        let mut number = |part: &str, number: usize| {
            self.builder.constant(&name(part), vec![1; rank], Elements::I32(vec![number as i32]))
        };
        let (zero, end) = (number("zero", 0)?, number("end", end)?);
        let is_below = self.combined(&name("below"), Function::Less, [x, zero])?;
        let operands = self.builder.aligned(&name("aligned"), vec![is_below, end, x])?;
        let places = self.builder.apply_typed(&name("known"), Select.into(), operands, (DType::I32, None))?;
        Ok((places, entries))
    }

    /// The number of each element's key, as many as there are keys where it is none.
    fn places_of(&mut self, call: &Call<'_>, x: ValueId, keys: &Keys) -> Convert<ValueId> {
        let name = |part: &str| format!("{}/{part}", call.name);
        self.budget.charge(keys.len(), 12)?;
        let (elements, dtype) = match keys {
            Keys::Integers(keys) => (Elements::I32(integers(keys)?), DType::I32),
            Keys::Floats(keys) if keys.iter().any(|key| key.is_nan()) => {
                return refuse("has NaN among its keys", "replace missing features by a number before the model");
            }
            Keys::Floats(keys) => (Elements::F32(keys.clone()), DType::F32),
        };
        let x = self.cast(&name("typed"), x, dtype)?;
        let mut shape = self.shape(x);
        shape.push(1);
        let rank = shape.len();
        let x = self.builder.reshape(&name("columns"), x, shape)?;
        let mut line = vec![1; rank];
        line[rank - 1] = keys.len();
        let list = self.builder.constant(&name("keys"), line.clone(), elements)?;
        let is_it = self.combined(&name("equal"), Function::Equal, [x, list])?;
        // The least of the numbers of keys that are equal. Floats count so far exactly.
        let numbers = self.own_floats(call, "numbers", line, (0..keys.len()).map(|at| at as f32).collect())?;
        let none = self.own_floats(call, "none", vec![1; rank], vec![keys.len() as f32])?;
        let operands = vec![is_it, numbers, none];
        let found = self.builder.apply_typed(&name("found"), Select.into(), operands, (DType::F32, None))?;
        let least = Reduce { kind: Reduction::Min, axes: vec![rank - 1], keep_dims: false };
        let least = self.apply(&name("least"), least.into(), vec![found])?;
        self.builder.apply_typed(&name("place"), Cast { to: DType::I32 }.into(), vec![least], (DType::I32, None))
    }
}

/// Features of several operands, one after the other.
pub(super) fn feature_vectorizer(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let mut parts = Vec::new();
    for index in 0..call.operands.len() {
        let (x, [rows, features]) = importer.features(call, index)?;
        if let Some(wanted) = call.ints("inputdimensions")?.and_then(|list| list.get(index))
            && usize::try_from(*wanted).ok() != Some(features)
        {
            return refuse(format!("operand {index} has {features} features instead of {wanted}"), EXPORT_AGAIN);
        }
        if rows == 0 {
            return refuse("has no rows", EXPORT_AGAIN);
        }
        parts.push(x);
    }
    match *parts.as_slice() {
        [] => refuse("has no operand", EXPORT_AGAIN),
        [one] => Ok(Entry::Value(one)),
        _ => Ok(Entry::Value(importer.apply(call.name, Concat { axis: 1 }.into(), parts)?)),
    }
}

/// Elements along the last axis, by indices.
pub(super) fn array_feature_extractor(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let texts = match call.operand(0) {
        Some(Entry::Constant(constant)) => constant.texts.clone(),
        Some(Entry::Value(x)) => importer.texts.get(x).cloned(),
        _ => None,
    };
    let x = importer.looked_up_in(call)?;
    let data = importer.shape(x);
    let Some((&extent, outer)) = data.split_last() else { return refuse("takes elements of a scalar", EXPORT_AGAIN) };
    let mut shape = if outer.is_empty() { vec![1] } else { outer.to_vec() };
    let y = if let Some(Constant { numbers: Numbers::I64(places), .. }) = call.operand(1).and_then(Entry::known) {
        let places: Option<Vec<usize>> =
            places.iter().map(|&place| usize::try_from(place).ok().filter(|&place| place < extent)).collect();
        let Some(places) = places else { return refuse("takes an element that there is not", EXPORT_AGAIN) };
        shape.push(places.len());
        let mut indices = vec![None; data.len()];
        indices[data.len() - 1] = Some(places);
        importer.take(call, x, indices)?
    } else {
        let indices = importer.index_operand(call, 1)?;
        let count = importer.shape(indices).iter().product();
        shape.push(count);
        let indices = importer.builder.reshape(&format!("{}/indices", call.name), indices, vec![count])?;
        let operands = [x, indices];
        rows::gathered(&mut importer.builder, &format!("{}/taken", call.name), operands, [0, data.len() - 1])?
    };
    let y = importer.builder.reshape(call.name, y, shape)?;
    if let Some(texts) = texts {
        importer.name_classes(texts.to_vec());
        importer.texts.insert(y, texts);
    }
    Ok(Entry::Value(y))
}

impl Importer<'_> {
    /// Operand 0 in its type; texts as their places.
    fn looked_up_in(&mut self, call: &Call<'_>) -> Convert<ValueId> {
        match call.operand(0).and_then(Entry::known) {
            Some(Constant { numbers: Numbers::I64(places), shape, texts: Some(_), .. }) => {
                self.budget.charge(places.len(), 4)?;
                let elements = Elements::I32(integers(places)?);
                self.builder.constant(&format!("{}/classes", call.name), shape.clone(), elements)
            }
            _ => self.any_operand(call, 0),
        }
    }
}

/// Names of the columns, which go into the manifest: what the map's values are is the tensor itself.
pub(super) fn zip_map(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = call.value(0)?;
    let labels = Labels::of(call, "classlabels_int64s", "classlabels_strings")?;
    labels.expect(importer.shape(x).last().copied().unwrap_or(0))?;
    importer.name_classes(labels.names());
    Ok(Entry::Value(x))
}
