//! What is known of one network stands in its table or beside its names, what is known of one data set in the list of data
//! sets, and no other code asks for either by name.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use zoo_core::Registry;
use zoo_train::data::sets::SETS;

/// Where names of networks belong: the tables themselves, and what others call them.
const BELONGS: [&str; 2] = ["zoo-core/src/arch/", "zoo-core/src/names/"];
/// Where names of data sets belong: the list, and the loaders.
const OF_DATA_SETS: &str = "zoo-data/src/";
/// Networks that tests look at; compiled for tests alone, which its parent says.
const SAMPLES: &str = "zoo-core/src/sample.rs";

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        match path.is_dir() {
            true => sources(&path, found),
            false if path.extension().is_some_and(|extension| extension == "rs") => found.push(path),
            false => {}
        }
    }
}

/// Files of tests, by their names: `tests.rs` and all in a folder `tests`.
fn is_test(path: &str) -> bool {
    path == SAMPLES || path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// Literals of a line of code that are nothing but such a name. Words inside a longer text, as in help and messages, are
/// examples and decide nothing; so are comments.
fn names_in(line: &str, names: &BTreeSet<&str>) -> Vec<String> {
    let code = line.trim_start();
    if code.starts_with("//") {
        return Vec::new();
    }
    code.split('"').skip(1).step_by(2).filter(|literal| names.contains(literal)).map(String::from).collect()
}

/// `file:line: name` of each name in the code of `text` before its tests.
fn found_in(file: &str, text: &str, names: &BTreeSet<&str>) -> Vec<String> {
    let code = text.lines().enumerate().take_while(|(_, line)| !line.trim_start().starts_with("#[cfg(test)]"));
    let found = |(index, line): (usize, &str)| {
        let at = move |name: String| format!("{file}:{}: \"{name}\"", index + 1);
        names_in(line, names).into_iter().map(at).collect::<Vec<_>>()
    };
    code.flat_map(found).collect()
}

/// As [`found_in`], in all code outside the files and folders where the names belong.
fn found_outside(belongs: &[&str], names: &BTreeSet<&str>) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let folder = entry.unwrap().path();
        if folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("zoo-")) {
            sources(&folder.join("src"), &mut files);
        }
    }
    assert!(files.len() > 200, "{} files", files.len());
    let mut all = Vec::new();
    for path in files {
        let file = path.strip_prefix(root).unwrap().display().to_string();
        if !is_test(&file) && !belongs.iter().any(|folder| file.starts_with(folder)) {
            all.extend(found_in(&file, &fs::read_to_string(&path).unwrap(), names));
        }
    }
    all
}

#[test]
fn code_outside_tables_and_names_knows_no_network() {
    let registry = Registry::default();
    let families = registry.entries().map(|entry| entry.architecture.family);
    let names: BTreeSet<&str> = registry.entries().map(|entry| entry.variant.name).chain(families).collect();
    let all = found_outside(&BELONGS, &names);
    assert!(all.is_empty(), "what is known of a network belongs in its table or its names:\n{}", all.join("\n"));
}

#[test]
fn code_outside_the_list_knows_no_data_set() {
    let names: BTreeSet<&str> = SETS.iter().map(|set| set.name).collect();
    let all = found_outside(&[OF_DATA_SETS], &names);
    assert!(all.is_empty(), "what is known of a data set belongs in the list of data sets:\n{}", all.join("\n"));
}

#[test]
fn a_match_on_a_name_is_found_where_it_stands() {
    let names = BTreeSet::from(["efficientnet", "mobilenet-v2"]);
    let text = "// \"mobilenet-v2\"\nlet help = \"such as mobilenet-v2\";\nif family == \"efficientnet\" {}\n\
                #[cfg(test)]\nlet model = \"mobilenet-v2\";\n";
    assert_eq!(found_in("a.rs", text, &names), ["a.rs:3: \"efficientnet\""]);
}
