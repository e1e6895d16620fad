//! Whether the claims see every cell: each table of `src/arch` is copied with one cell or word changed at a time, and none
//! of the copies may compile.
//!
//! All copies stand in one scratch crate that depends on zoo-core, each in a file of its own, so that one `cargo check`
//! tries them all and the files it names are the copies that were caught. Run it after a change to a table or to the
//! counting: `cargo test -p zoo-core --no-default-features --test mutations -- --ignored`.

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;

/// Changes that no claim can see: end of the table's name, section, end of the changed line.
const UNSEEN: [(&str, &str, &str); 8] = [
    // At the published widths all widths of MobileNetV1 are multiples of 8.
    ("MOBILENET_V1", "round", "width: divisible(8), depth: ceil;"),
    // 16 channels times 0.75 to 1 round to 16 in any case.
    ("MOBILENET_V3_LARGE", "stem", "s: 2 } floor;"),
    ("MOBILENET_V3_SMALL", "stem", "s: 2 } floor;"),
    // Where the table truncates, both ways to round the squeeze are one.
    ("TUTORIAL_MOBILENET_V3_LARGE", "stages", "{ se_round: ByTable, exp_rule: ScaledWidth, expansion: Always } {"),
    ("TUTORIAL_MOBILENET_V3_SMALL", "stages", "{ se_round: ByTable, exp_rule: ScaledWidth, expansion: Always } {"),
    // The minimalistic networks are published at width 1 alone, where no word of scaling matters.
    ("MINIMALISTIC", "round", ";"),
    ("MINIMALISTIC", "stem", "k: 3, c: 16, s: 2 }*;"),
    ("MINIMALISTIC", "top", "norm: Without, bias: With }, dropout, linear;"),
];

/// A table with one thing changed.
struct Mutant {
    /// Table, line, what, and what it became.
    name: String,
    text: String,
}

#[test]
#[ignore = "takes minutes: compiles nearly 800 copies of the tables"]
fn every_change_of_a_cell_breaks_a_claim() {
    let mutants = mutants();
    assert!(mutants.len() > 500, "only {} changes were found: has the layout of the tables changed?", mutants.len());
    let caught = caught(&mutants);
    let survivors = mutants.iter().enumerate().filter(|(index, _)| !caught.contains(index)).map(|(_, mutant)| mutant);
    let (excused, survivors): (Vec<&Mutant>, Vec<&Mutant>) = survivors.partition(|mutant| mutant.is_unseen());
    let names: Vec<&str> = survivors.iter().map(|mutant| mutant.name.as_str()).collect();
    assert!(names.is_empty(), "{} of {} changes survive: {names:#?}", names.len(), mutants.len());
    let foreseen = mutants.iter().filter(|mutant| mutant.is_unseen()).count();
    assert_eq!(excused.len(), foreseen, "a change that no claim could see is seen now: take it out of UNSEEN");
}

impl Mutant {
    fn is_unseen(&self) -> bool {
        let (table, change) = self.name.split_once(": ").unwrap();
        let (was, is) = change.split_once(" -> ").unwrap();
        UNSEEN.iter().any(|(tables, section, end)| {
            let ends = match end.split_once('*') {
                // Any word behind the layer.
                Some((layer, _)) => is.contains(layer),
                None => is.ends_with(end),
            };
            table.ends_with(tables) && was.starts_with(section) && ends
        })
    }
}

/// Which of the mutants break a claim, by index.
fn caught(mutants: &[Mutant]) -> HashSet<usize> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutations");
    std::fs::remove_dir_all(scratch.join("src")).ok();
    std::fs::create_dir_all(scratch.join("src")).unwrap();
    let manifest = format!(
        "[package]\nname = \"mutations\"\nedition = \"2024\"\n[workspace]\n\
         [dependencies]\nzoo-core = {{ path = '{}', default-features = false }}\n",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::write(scratch.join("Cargo.toml"), manifest).unwrap();
    std::fs::copy(workspace.join("Cargo.lock"), scratch.join("Cargo.lock")).unwrap();
    let mut modules = String::from("#![allow(warnings)]\n");
    for (index, mutant) in mutants.iter().enumerate() {
        modules += &format!("mod m{index};\n");
        let text = format!("use zoo_core::network;\n// {}\n{}", mutant.name, mutant.text);
        std::fs::write(scratch.join(format!("src/m{index}.rs")), text).unwrap();
    }
    std::fs::write(scratch.join("src/lib.rs"), modules).unwrap();

    let output = Command::new(env!("CARGO"))
        .args(["check", "--offline", "--message-format=short"])
        .current_dir(&scratch)
        .env("CARGO_TARGET_DIR", scratch.join("target"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    let broken_claims = text.lines().filter(|line| line.contains("expected an array with a size of"));
    let caught: HashSet<usize> = broken_claims.filter_map(index).collect();
    assert!(!caught.is_empty(), "no claim was tried:\n{text}");
    let refused = text.lines().find(|line| line.contains(": error") && !line.contains("expected an array"));
    assert_eq!(refused, None, "a change that is refused before it is counted proves nothing");
    caught
}

/// The index in `src/m17.rs:58:43: error ...`.
fn index(line: &str) -> Option<usize> {
    line.strip_prefix("src/m")?.split_once(".rs:")?.0.parse().ok()
}

fn mutants() -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/arch")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for table in text.split("\nnetwork! {").skip(1) {
            let table = table.split("\n}\n").next().unwrap();
            mutants.extend(mutants_of(&format!("network! {{{table}\n}}\n")));
        }
    }
    mutants
}

/// Each table with one change, for all its lines.
fn mutants_of(table: &str) -> Vec<Mutant> {
    let lines: Vec<&str> = table.lines().collect();
    let name = lines.iter().find_map(|line| line.trim().strip_prefix("pub ")).unwrap().trim_end_matches(';');
    let scales_depth = table.split("variants {").nth(1).unwrap().lines().nth(1).unwrap().contains("depth");
    let mut mutants = Vec::new();
    let mut header: Option<Vec<&str>> = None;
    for (number, line) in lines.iter().enumerate() {
        let section = line.split_whitespace().next().unwrap_or("");
        let changes = match (&header, section) {
            (Some(_), "}") => {
                header = None;
                continue;
            }
            (Some(columns), _) if columns.is_empty() => {
                header = Some(line.trim().trim_end_matches(';').split_whitespace().collect());
                continue;
            }
            (Some(columns), _) => of_row(line, columns),
            (None, "stages") => {
                header = Some(Vec::new());
                replacements(line, &GROUP)
            }
            (None, "stem" | "head" | "top") => of_layer(line),
            (None, "round") => replacements(line, if scales_depth { &ROUND } else { &ROUND[..ROUND.len() - 2] }),
            _ => continue,
        };
        for changed in changes {
            let mut copy = lines.clone();
            copy[number] = &changed;
            let (was, is) = (squeezed(line), squeezed(&changed));
            mutants.push(Mutant { name: format!("{name}: {was} -> {is}"), text: copy.join("\n") });
        }
    }
    mutants
}

fn squeezed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Words of a group's defaults and what they may become.
const GROUP: [(&str, &str); 6] = [
    ("se: 0.25", "se: 0.5"),
    ("se_of: Input", "se_of: Expanded"),
    ("se_of: Expanded", "se_of: Input"),
    ("TowardsZero", "ByTable"),
    ("ScaledWidth", "RatioOfInput"),
    ("Always", "UnlessOne"),
];

/// The same for rounding; those of depth come last.
const ROUND: [(&str, &str); 6] = [
    ("divisible(8)", "divisible(4)"),
    ("divisible(8)", "trunc"),
    ("width: trunc,", "width: divisible(8),"),
    ("trunc(min 8)", "divisible(8)"),
    ("depth: ceil", "depth: trunc"),
    ("depth: trunc", "depth: ceil"),
];

/// The same for words of layers.
const LAYER: [(&str, &str); 9] = [
    (" fixed_below(0.75)", ""),
    (" fixed_below(0.75)", " fixed"),
    (" fixed_below(0.75)", " floor"),
    (" fixed;", ";"),
    (" fixed,", ","),
    (" floor;", ";"),
    (" floor;", " fixed;"),
    ("Without", "With"),
    ("With }", "Without }"),
];

fn replacements(line: &str, changes: &[(&str, &str)]) -> Vec<String> {
    changes.iter().filter(|(from, _)| line.contains(from)).map(|(from, to)| line.replacen(from, to, 1)).collect()
}

fn of_layer(line: &str) -> Vec<String> {
    let mut changed = replacements(line, &LAYER);
    for field in ["k", "c", "s"] {
        let start = format!(" {field}: ");
        if let Some((before, rest)) = line.split_once(&start) {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap();
            let other = other(field, &rest[..end]).unwrap();
            changed.push(format!("{before}{start}{other}{}", &rest[end..]));
        }
    }
    changed
}

/// The row with each of its cells changed, where that changes shapes.
fn of_row(line: &str, columns: &[&str]) -> Vec<String> {
    let mut changed = Vec::new();
    let cells: Vec<&str> = line.trim().trim_end_matches(';').split_whitespace().collect();
    for (index, (column, cell)) in columns.iter().zip(&cells).enumerate() {
        let mut copy = cells.clone();
        let Some(other) = other(column, cell) else { continue };
        copy[index] = &other;
        changed.push(copy.join(" ") + ";");
    }
    if cells.last() == Some(&"fix_depth") {
        changed.push(cells[..cells.len() - 1].join(" ") + ";");
    }
    changed
}

/// Another value for a cell; none where the column changes no shapes.
fn other(column: &str, cell: &str) -> Option<String> {
    let number = cell.parse::<u32>();
    Some(match (column, cell, number) {
        ("k", "3", _) => "5".into(),
        ("k", ..) => "3".into(),
        ("s", "1", _) => "2".into(),
        ("s", ..) => "1".into(),
        ("t" | "n", _, Ok(number)) => (number + 1).to_string(),
        ("c" | "exp", _, Ok(number)) => (number + 8).to_string(),
        ("se", "-", _) => "Se".into(),
        ("se", ..) => "-".into(),
        ("act", ..) => return None,
        _ => panic!("the test does not know how to change `{cell}` of column `{column}`"),
    })
}
