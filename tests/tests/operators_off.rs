//! The engine with operators left out, as small firmware has it. Features add up over a workspace, so this
//! takes a build of its own, in a folder of its own: another cargo may hold the lock of the usual one.

use std::process::Command;

use kinglet_tests::tree::root;

#[test]
fn operators_that_are_left_out_are_refused_by_name() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(&cargo)
        .args(["test", "--offline", "--package", "kinglet", "--test", "features"])
        .args(["--no-default-features", "--features", "conv2d-i8,tanh-f32"])
        .arg("--target-dir")
        .arg(root().join("target/operators-off"))
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.contains("1 passed"), "the test did not run:\n{stdout}");
}
