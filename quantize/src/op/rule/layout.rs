//! What a change of layout does to an operator.

/// Which transposed operands an operator computes from as well as from straight ones.
pub(crate) enum LayoutRule<'a> {
    /// Works element by element on one operand: from any form it makes a result of that form.
    Elementwise,
    /// Works element by element on several operands, with broadcasting: all in one form, which is the result's.
    Broadcast,
    /// All operands in one form, when its attributes follow; the result's form is what the attributes say.
    Axes(&'a mut dyn AxisAttributes),
    /// Works along the last axis: any order of the others, and the last axis itself when parameters follow.
    LastAxis(LastAxis),
    /// Computes from its own layout only.
    Fixed,
    /// Is a transposition itself.
    Transposes(&'a [usize]),
    /// Gives its elements another shape in row-major order.
    Reshapes,
}

/// Attributes that name axes.
pub(crate) trait AxisAttributes {
    /// All operands are kept transposed by `form` now (axis `i` of what the graph had is axis `form[i]` of what is
    /// kept): makes the attributes name the kept axes, and says how the result is kept.
    fn follow(&mut self, form: &[usize]) -> Vec<usize>;
}

/// An operator along the last axis with parameters `1 ..` that are constants.
pub(crate) struct LastAxis {
    /// How many of the parameters go with the operand's columns; the others with the result's.
    pub(crate) moving: usize,
    /// Whether the result's columns are the operand's.
    pub(crate) keeps_columns: bool,
}
