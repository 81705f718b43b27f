//! How near two names are, to suggest one for another.

/// Letters to insert, remove or replace until `known` is `name`.
pub(crate) fn distance(known: &str, name: &str) -> usize {
    let mut row: Vec<usize> = (0..=name.chars().count()).collect();
    for (index, a) in known.chars().enumerate() {
        let mut diagonal = index;
        row[0] = index + 1;
        for (column, b) in name.chars().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_counted() {
        for (known, name, letters) in [("conv", "conv", 0), ("conv", "cnv", 1), ("conv", "con2v", 1), ("", "abc", 3)] {
            assert_eq!((distance(known, name), distance(name, known)), (letters, letters), "{known} {name}");
        }
    }
}
