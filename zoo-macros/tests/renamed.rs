//! A crate may depend on zoo-core under another name: what the macro expands to finds it all the same.

use std::path::Path;
use std::process::Command;

#[test]
fn a_renamed_dependency_is_found() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = package.parent().unwrap();
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("renamed");
    std::fs::create_dir_all(scratch.join("src")).unwrap();
    let manifest = format!(
        "[package]\nname = \"renamed\"\nedition = \"2024\"\n[workspace]\n\
         [dependencies]\nzoo = {{ package = \"zoo-core\", path = '{}', default-features = false }}\n",
        workspace.join("zoo-core").display()
    );
    std::fs::write(scratch.join("Cargo.toml"), manifest).unwrap();
    std::fs::copy(workspace.join("Cargo.lock"), scratch.join("Cargo.lock")).unwrap();
    let table = std::fs::read_to_string(package.join("tests/ui/pass/a-table-without-mistakes.rs")).unwrap();
    assert!(table.contains("zoo_core"), "the table must name the crate");
    std::fs::write(scratch.join("src/main.rs"), table.replace("zoo_core", "zoo")).unwrap();

    let output = Command::new(env!("CARGO"))
        .args(["check", "--offline", "--quiet"])
        .current_dir(&scratch)
        .env("CARGO_TARGET_DIR", scratch.join("target"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
