//! What is reported of a table with mistakes: one file for each kind of mistake, named as a sentence, with what is printed
//! beside it.

use std::process::Command;

/// The compiler whose own words `tests/ui/compiler` expects; others put them differently.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn mistakes_are_reported_where_they_stand() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/*.rs");
    let compiler = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into())).arg("--version").output();
    let version = compiler.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    if version.starts_with(COMPILER) {
        cases.compile_fail("tests/ui/compiler/*.rs");
    } else {
        eprintln!("tests/ui/compiler is left out: it expects the words of {COMPILER}*, this is {version}");
    }
}
