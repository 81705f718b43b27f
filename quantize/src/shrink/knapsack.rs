//! The choice of one form for each layer with the least sum of errors within a number of bytes.

/// One form of a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Form {
    pub(super) bytes: usize,
    pub(super) error: f64,
}

/// Steps that the bytes are counted in, at most.
const STEPS_MAX: usize = 4096;

/// For each of `layers` which of its forms to take, so that their bytes are at most `bytes` together: by dynamic
/// programming over bytes, which are rounded up to a step. `None` when not even the smallest forms fit.
pub(super) fn choose(layers: &[Vec<Form>], bytes: usize) -> Option<Vec<usize>> {
    let most: usize = layers.iter().map(|forms| forms.iter().map(|form| form.bytes).max().unwrap_or(0)).sum();
    let bytes = bytes.min(most + layers.len());
    let step = bytes.div_ceil(STEPS_MAX).max(1);
    let places = bytes / step;
    // The least error with so many steps, and the form that each layer has there.
    let mut least = vec![0.0; places + 1];
    let mut taken: Vec<Vec<usize>> = Vec::with_capacity(layers.len());
    for forms in layers {
        let mut next = vec![f64::INFINITY; places + 1];
        let mut form_of = vec![0; places + 1];
        for (index, form) in forms.iter().enumerate() {
            let steps = form.bytes.div_ceil(step);
            for place in steps..=places {
                let error = least[place - steps] + form.error;
                if error < next[place] {
                    (next[place], form_of[place]) = (error, index);
                }
            }
        }
        least = next;
        taken.push(form_of);
    }
    if !least.last().is_some_and(|error| error.is_finite()) {
        return None;
    }
    let mut place = places;
    let mut chosen = vec![0; layers.len()];
    for (layer, form_of) in taken.iter().enumerate().rev() {
        chosen[layer] = form_of[place];
        place -= layers[layer][form_of[place]].bytes.div_ceil(step);
    }
    Some(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_is_the_best_of_all() {
        let form = |bytes, error| Form { bytes, error };
        let layers = vec![
            vec![form(80, 0.0), form(40, 1.0), form(20, 9.0)],
            vec![form(10, 0.0), form(5, 6.0)],
            vec![form(100, 0.0), form(50, 2.5), form(25, 3.0)],
        ];
        let sums = |chosen: &[usize]| {
            let of = layers.iter().zip(chosen).map(|(forms, &form)| forms[form]);
            of.fold((0, 0.0), |(bytes, error), form| (bytes + form.bytes, error + form.error))
        };
        for bytes in 0..200 {
            let all = (0..18).map(|at| vec![at / 6, at / 3 % 2, at % 3]).filter(|chosen| sums(chosen).0 <= bytes);
            let best = all.map(|chosen| sums(&chosen).1).reduce(f64::min);
            let found = choose(&layers, bytes);
            assert_eq!(found.as_ref().map(|chosen| sums(chosen).1), best, "{bytes}");
            assert!(found.is_none_or(|chosen| sums(&chosen).0 <= bytes));
        }
    }
}
