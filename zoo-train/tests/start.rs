//! What happens before a command begins: which libtorch is loaded, and how its threads wait.

use std::fs;
use std::path::Path;
use std::process::Command;

const BINARY: &str = env!("CARGO_BIN_EXE_zoo-train");

/// Runs `binary` with nothing but `variables` in its environment.
fn run(binary: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> (bool, String) {
    let mut command = Command::new(binary);
    command.args(arguments).current_dir("/").env_clear().env("HOME", "/nonexistent").envs(variables.iter().copied());
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn the_libtorch_that_was_built_against_is_loaded_wherever_the_binary_lies() {
    let folder = tempfile::tempdir().unwrap();
    let moved = folder.path().join("moved");
    fs::copy(BINARY, &moved).unwrap();
    // Another libtorch: the loader stops where it so much as opens one of these.
    let others = folder.path().join("others");
    fs::create_dir(&others).unwrap();
    for name in ["libtorch_cpu.so", "libc10.so", "libgomp.so.1"] {
        fs::write(others.join(name), "no library").unwrap();
    }
    let (done, said) = run(&moved, &["doctor"], &[("LD_LIBRARY_PATH", others.to_str().unwrap())]);
    assert!(done, "{said}");
    let library = said.lines().find(|line| line.starts_with("libtorch")).unwrap();
    let path = library.split(" in ").nth(1).unwrap();
    assert_eq!(fs::canonicalize(path).unwrap(), Path::new(path), "{library}");
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    assert!(!Path::new(path).starts_with(checkout.join(".libtorch")), "{library}: a moved checkout would lose it");
}

#[test]
fn threads_spin_briefly_unless_the_user_says_how_they_wait() {
    // libgomp prints how it is set, each time that it is loaded.
    let shown = ("OMP_DISPLAY_ENV", "VERBOSE");
    let results = tempfile::tempdir().unwrap();
    let results = results.path().to_str().unwrap();
    let arguments = [
        ["--model", "mobilenet-v1-0.25", "--dataset", "synthetic", "--limit-train", "64", "--limit-test", "32"],
        ["--steps", "1", "--batch-size", "32", "--profile", "native", "--results", results],
    ]
    .concat();
    let spins = |variables: &[(&str, &str)]| {
        let (done, said) = run(Path::new(BINARY), &arguments, variables);
        assert!(done, "{said}");
        let last = said.lines().rfind(|line| line.contains("GOMP_SPINCOUNT")).unwrap().to_string();
        last.trim().to_string()
    };
    assert_eq!(spins(&[shown]), "GOMP_SPINCOUNT = '1000'");
    assert_eq!(spins(&[shown, ("GOMP_SPINCOUNT", "77")]), "GOMP_SPINCOUNT = '77'");
    assert_ne!(spins(&[shown, ("OMP_WAIT_POLICY", "active")]), "GOMP_SPINCOUNT = '1000'");
}
