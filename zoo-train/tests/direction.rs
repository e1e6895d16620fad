//! Dependencies point one way: the workspace lists its members in their order, and none uses one that stands behind it.

use std::fs;
use std::path::Path;

/// The members of the workspace, as its manifest lists them.
fn members(root: &Path) -> Vec<String> {
    let text = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap();
    members.iter().map(|member| member.as_str().unwrap().to_string()).collect()
}

#[test]
fn no_crate_uses_one_that_is_listed_behind_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let members = members(root);
    for (place, member) in members.iter().enumerate() {
        let text = fs::read_to_string(root.join(member).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = text.parse().unwrap();
        // Tests of the macro use what the macro is for.
        for (name, _) in manifest.get("dependencies").and_then(toml::Value::as_table).unwrap() {
            let used = members.iter().position(|other| other == name);
            assert!(used.is_none_or(|used| used < place), "{member} uses {name}, which is listed behind it");
        }
    }
}

#[test]
fn every_folder_with_a_manifest_is_a_member() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let members = members(root);
    for entry in fs::read_dir(root).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("zoo-") && entry.path().join("Cargo.toml").exists() {
            assert!(members.contains(&name), "{name} is no member of the workspace");
        }
    }
}
