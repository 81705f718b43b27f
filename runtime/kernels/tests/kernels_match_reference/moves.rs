//! What moves elements at strides.

use kinglet_kernels::Io;
use kinglet_kernels::rearrange::{AXES, Rearrange, rearrange_reference};
use proptest::prelude::*;

use super::harness::{Overlap, check_all, compare, elements};

/// Axes in any order of the input's strides, repeated, backwards and with gaps; the output's with gaps too.
fn layers() -> impl Strategy<Value = Rearrange> {
    let axis = (1..=7_usize, -9..=9_isize, 0..=2_usize, any::<bool>());
    proptest::collection::vec(axis, 1..=3).prop_flat_map(|axes| {
        let places = proptest::sample::subsequence((0..AXES).collect::<Vec<_>>(), axes.len());
        (Just(axes), places, any::<bool>()).prop_map(|(axes, places, runs)| {
            let mut layer = Rearrange { extents: [1; AXES], input_strides: [0; AXES], output_strides: [0; AXES] };
            let mut reach = 1;
            for ((extent, stride, gap, is_long), place) in axes.into_iter().zip(places).rev() {
                let extent = if is_long { extent * 3 } else { extent };
                let is_innermost = reach == 1;
                layer.extents[place] = extent;
                layer.input_strides[place] = if runs && is_innermost { 1 } else { stride };
                layer.output_strides[place] = if runs && is_innermost { 1 } else { reach + gap };
                reach += (extent - 1) * layer.output_strides[place];
            }
            layer
        })
    })
}

pub(crate) fn rearrange_i8(run: fn(&Rearrange, &mut Io<i8>)) {
    let layers = layers().prop_flat_map(|layer| {
        let reach = layer.reach().expect("no indices meet");
        (Just(layer), elements(any::<i8>(), reach.before + reach.behind + 1), Just(reach.output + 1))
    });
    check_all(layers, |(layer, input, output_len)| {
        compare(&input, output_len, Overlap::Never, |io| rearrange_reference(&layer, io), |io| run(&layer, io))
    });
}
