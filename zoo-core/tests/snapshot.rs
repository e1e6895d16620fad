//! What claims cannot see: activations, norms, dropout, drop-path, padding, initial values and the profiles' strides, as
//! one readable text a table under `tests/snapshots`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use zoo_core::{Architecture, Convolution, Op, OpKind, Options, Place, Plan, Registry};

const UPDATE: &str = "UPDATE_SNAPSHOTS";

#[test]
fn tables_say_what_their_snapshots_say() {
    let mut differences = String::new();
    let mut expected = Vec::new();
    for architecture in architectures() {
        let path = folder().join(format!("{}.txt", architecture.family));
        let text = snapshot(architecture);
        if std::env::var_os(UPDATE).is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        // Git may have given the file another kind of line end.
        let kept = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
        if let Some(difference) = first_difference(&kept, &text) {
            writeln!(differences, "{}:{difference}", path.display()).unwrap();
        }
        expected.push(path);
    }
    assert!(
        differences.is_empty(),
        "tables differ from their snapshots; if that is meant, run `{UPDATE}=1 cargo test -p zoo-core --test snapshot` \
         and commit the files\n{differences}"
    );
    for file in std::fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        assert!(expected.contains(&path), "{} belongs to no table: delete it", path.display());
    }
}

#[test]
fn the_first_line_that_differs_is_shown() {
    assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
    assert_eq!(first_difference("a\nb\n", "a\nc\n").unwrap(), "2\n  snapshot: b\n  table:    c");
    assert_eq!(first_difference("a\n", "a\nc\n").unwrap(), "2\n  snapshot: (ends)\n  table:    c");
    assert_eq!(first_difference("a\nb\n", "a\n").unwrap(), "2\n  snapshot: b\n  table:    (ends)");
    assert_eq!(first_difference("a", "a\n").unwrap(), "2\n  snapshot: (ends)\n  table:    (ends)");
}

/// Line number and both lines.
fn first_difference(kept: &str, found: &str) -> Option<String> {
    if kept == found {
        return None;
    }
    let (mut kept, mut found) = (kept.lines(), found.lines());
    for number in 1.. {
        let (before, now) = (kept.next(), found.next());
        if before != now || before.is_none() {
            let [before, now] = [before, now].map(|line| line.unwrap_or("(ends)"));
            return Some(format!("{number}\n  snapshot: {before}\n  table:    {now}"));
        }
    }
    None
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots")
}

fn architectures() -> Vec<&'static Architecture> {
    let mut all: Vec<&'static Architecture> = Registry::default().entries().map(|entry| entry.architecture).collect();
    all.dedup_by_key(|architecture| architecture.family);
    all
}

fn snapshot(architecture: &Architecture) -> String {
    let rules = &architecture.rules;
    let first = &architecture.variants[0];
    let mut text = format!(
        "{}\n\nscale       width {}, depth {}\nround       width {:?}, depth {:?}\ninput       {} channels\n\
         norm        eps {:?}, momentum {:?}\nactivation  {}\ninit        {:?}\n",
        architecture.family,
        architecture.axes.width,
        architecture.axes.depth,
        rules.width_rounding,
        rules.depth_rounding,
        rules.input_channels,
        rules.norm.eps(),
        rules.norm.momentum(),
        rules.activation.name(),
        rules.init,
    );
    variants(&mut text, architecture);
    strides(&mut text, architecture, &first.options);
    let plan = Plan::new(architecture, &first.options).unwrap();
    writeln!(text, "\nlayers of {}", first.name).unwrap();
    for ops in plan.ops.chunk_by(|before, op| is_part_of_a_layer(op) && before.part == op.part) {
        writeln!(text, "  {:32}{}", ops[0].name(), ops.iter().map(words).collect::<Vec<_>>().join(", ")).unwrap();
    }
    text
}

fn variants(text: &mut String, architecture: &Architecture) {
    writeln!(text, "\nvariants: width, depth, input, classes, profile, dropout, drop-path, padding").unwrap();
    for variant in architecture.variants {
        let Options { width, depth, input_size, in_channels, classes, profile, .. } = variant.options;
        let Options { dropout, drop_path, padding, varied, .. } = variant.options;
        assert_eq!(in_channels, None, "a table says its channels once");
        let profile = architecture.profiles[profile as usize];
        writeln!(
            text,
            "  {:36}{width} {depth} {input_size} {classes} {profile} {dropout} {drop_path} {padding:?}{}",
            variant.name,
            if varied == [0; 12] { String::new() } else { format!(" {varied:?}") }
        )
        .unwrap();
    }
}

/// A row a profile: the stem's stride, then those of each stage's blocks.
fn strides(text: &mut String, architecture: &Architecture, options: &Options) {
    writeln!(text, "\nstrides by profile: stem, then block by block").unwrap();
    for (profile, name) in (0..).zip(architecture.profiles) {
        let plan = Plan::new(architecture, &Options { profile, ..*options }).unwrap();
        let mut row = format!("  {name:10}");
        for ops in plan.ops.chunk_by(|a, b| a.place == b.place) {
            // By the maps: branches of a block stride beside each other.
            let stride = f64::from(ops[0].input.h) / f64::from(ops[ops.len() - 1].output.h);
            match ops[0].place {
                Place::Stage { block: 0, .. } => write!(row, " | {stride:.0}").unwrap(),
                Place::Stem | Place::Stage { .. } => write!(row, " {stride:.0}").unwrap(),
                Place::Head | Place::Top => {}
            }
        }
        writeln!(text, "{row}").unwrap();
    }
}

fn is_part_of_a_layer(op: &Op) -> bool {
    op.is_norm() || matches!(op.kind, OpKind::Act(_))
}

fn words(op: &Op) -> String {
    match op.kind {
        OpKind::Conv(Convolution { kernel, stride, groups, bias, .. }) => {
            let mut words = format!("{} {kernel}x{kernel}", op.word());
            if groups > 1 && !op.is_depthwise() {
                write!(words, " in {groups} groups").unwrap();
            }
            if stride > 1 {
                write!(words, " /{stride}").unwrap();
            }
            if bias {
                words += " with bias";
            }
            words
        }
        OpKind::Dropout(dropout) => format!("dropout {}", dropout.rate),
        OpKind::Add(add) => format!("add, drop-path {:.4}", add.drop_path),
        _ => op.word().into(),
    }
}
