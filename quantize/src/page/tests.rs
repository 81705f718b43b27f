use super::*;

#[test]
fn nothing_of_a_model_is_markup() {
    assert_eq!(escaped("<b>\"&"), "&lt;b&gt;&quot;&amp;");
    assert_eq!(prose("layer `a<b` is <noisy>"), "Layer <code>a&lt;b</code> is &lt;noisy&gt;");
}

#[test]
fn reals_are_short() {
    assert_eq!([0.0, 0.5, -1.234, 123.4, 1e6, 1e-5].map(real), ["0", "0.500", "-1.23", "123", "1.0e6", "1.0e-5"]);
}
