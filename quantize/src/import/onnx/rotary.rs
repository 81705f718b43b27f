//! `RotaryEmbedding`: pairs of elements of each head, turned by an angle that depends on the position.

use super::attributes::Call;
use super::qoperator::on_reals;
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};
use crate::ir::ValueId;
use crate::op::{Concat, Cut, Function, Slice};

/// Where operands are: those of ONNX and of `com.microsoft` are the same ones in another order.
struct Places {
    cosines: usize,
    sines: usize,
    positions: usize,
}

/// Of ONNX.
pub(super) fn standard(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    embed(importer, call, &Places { cosines: 1, sines: 2, positions: 3 })
}

/// Of `com.microsoft`.
pub(super) fn microsoft(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    embed(importer, call, &Places { cosines: 2, sines: 3, positions: 1 })
}

fn embed(importer: &mut Importer<'_>, call: &Call<'_>, places: &Places) -> Convert<Entry> {
    let (x, name) = (call.value(0)?, call.name);
    let shape = importer.shape(x);
    // `[batch, heads, positions, size]`, or `[batch, positions, heads, size]` with the last two axes as one.
    let (split, shape_of_angles) = match *shape.as_slice() {
        [batch, _, positions, _] => (shape.clone(), vec![batch, 1, positions]),
        [batch, positions, width] => {
            let heads = call.extent("num_heads")?;
            let is_given = call.int("num_heads", 0)? > 0;
            if !is_given || !width.is_multiple_of(heads) {
                return refuse(format!("operand {shape:?} has no number of heads"), "give num_heads, or four axes");
            }
            (vec![batch, positions, heads, width / heads], vec![batch, positions, 1])
        }
        _ => return refuse(format!("operand has shape {shape:?}"), "use three or four axes"),
    };
    let size = split[3];
    let turned = match call.int("rotary_embedding_dim", 0)? {
        0 => size,
        turned => usize::try_from(turned).unwrap_or(0),
    };
    if turned == 0 || turned > size || turned % 2 != 0 {
        return refuse(format!("turns {turned} of {size} elements"), "turn an even number of them");
    }
    let half = turned / 2;
    let mut angles = Vec::new();
    for (at, what) in [(places.cosines, "cosines"), (places.sines, "sines")] {
        let rows = importer.rows_at(call, at, places.positions, what)?;
        let [.., own] = importer.shape(rows)[..] else { return refuse("its angles have no axes", "export it again") };
        // A cache may be wider than what is turned.
        let rows = importer.part(&format!("{name}/{what}"), rows, [0, half.min(own), 1])?;
        let count = shape_of_angles.iter().product::<usize>() * half;
        let mut wanted = shape_of_angles.clone();
        // The same positions for the whole batch.
        if importer.shape(rows).iter().product::<usize>() * wanted[0] == count {
            wanted[0] = 1;
        }
        wanted.push(half);
        if importer.shape(rows).iter().product::<usize>() != wanted.iter().product::<usize>() {
            return refuse(format!("its {what} have shape {:?}", importer.shape(rows)), "give a row for each position");
        }
        angles.push(importer.builder.reshape(&format!("{name}/{what}/axes"), rows, wanted)?);
    }
    let heads = importer.builder.reshape(&format!("{name}/heads"), x, split.clone())?;
    let is_interleaved = call.int("interleaved", 0)? != 0;
    let y = importer.turned(name, heads, [angles[0], angles[1]], turned, is_interleaved)?;
    Ok(Entry::Value(importer.builder.reshape(&format!("{name}/whole"), y, shape)?))
}

impl Importer<'_> {
    /// The rows of a cache that the positions name; a cache of each position's own row as it is.
    fn rows_at(&mut self, call: &Call<'_>, cache: usize, positions: usize, what: &str) -> Convert<ValueId> {
        if call.operand(positions).is_none() {
            return self.float_operand(call, cache);
        }
        let operands = vec![call.operand(cache).cloned(), call.operand(positions).cloned()];
        let name = format!("{}/{what}", call.name);
        let gathered = on_reals(self, &Call { name: &name, operands: Vec::new(), ..*call }, "Gather", operands)?;
        self.entry_value(&name, &gathered)
    }

    /// Some elements of the last axis: the first, behind the last, and from one to the next.
    fn part(&mut self, name: &str, x: ValueId, [begin, end, stride]: [usize; 3]) -> Convert<ValueId> {
        let shape = self.shape(x);
        let extent = shape.last().copied().unwrap_or(0);
        if [begin, end, stride] == [0, extent, 1] {
            return Ok(x);
        }
        let mut cuts = vec![Cut::ALL; shape.len()];
        if let Some(cut) = cuts.last_mut() {
            *cut = Cut { begin, end: (end < extent).then_some(end), stride };
        }
        self.apply(&format!("{name}/from {begin}"), Slice { cuts }.into(), vec![x])
    }

    /// `x [.., .., .., size]` with its first `turned` elements turned, in pairs of neighbors or of halves.
    fn turned(
        &mut self,
        name: &str,
        x: ValueId,
        [cosines, sines]: [ValueId; 2],
        turned: usize,
        is_interleaved: bool,
    ) -> Convert<ValueId> {
        let shape = self.shape(x);
        let (size, half) = (shape[3], turned / 2);
        let [first, second] =
            if is_interleaved { [[0, turned, 2], [1, turned, 2]] } else { [[0, half, 1], [half, turned, 1]] };
        let (a, b) = (self.part(name, x, first)?, self.part(name, x, second)?);
        let mut product = |what: &str, x, y| self.combined(&format!("{name}/{what}"), Function::Mul, [x, y]);
        let products = [
            product("a cos", a, cosines)?,
            product("b sin", b, sines)?,
            product("a sin", a, sines)?,
            product("b cos", b, cosines)?,
        ];
        let real = self.combined(&format!("{name}/real"), Function::Sub, [products[0], products[1]])?;
        let imaginary = self.combined(&format!("{name}/imaginary"), Function::Add, [products[2], products[3]])?;
        let together = if is_interleaved {
            let rows = shape[..3].iter().product::<usize>() * half;
            let real = self.builder.reshape(&format!("{name}/real/one"), real, vec![rows, 1])?;
            let imaginary = self.builder.reshape(&format!("{name}/imaginary/one"), imaginary, vec![rows, 1])?;
            let pairs = self.apply(&format!("{name}/pairs"), Concat { axis: 1 }.into(), vec![real, imaginary])?;
            self.builder.reshape(&format!("{name}/turned"), pairs, [&shape[..3], &[turned]].concat())?
        } else {
            self.apply(&format!("{name}/turned"), Concat { axis: 3 }.into(), vec![real, imaginary])?
        };
        if turned == size {
            return Ok(together);
        }
        let rest = self.part(name, x, [turned, size, 1])?;
        self.apply(name, Concat { axis: 3 }.into(), vec![together, rest])
    }
}
