//! Every command that the documentation shows is one: the real command line reads it, and files that it names are there.

#[path = "common/command.rs"]
mod command;

use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Folders of the repository whose files commands name.
const FOLDERS: [&str; 3] = ["configs/", "scripts/", "examples/"];

#[test]
fn commands_in_the_documentation_are_read_by_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut commands = 0;
    let mut wrong = Vec::new();
    for page in pages() {
        let name = page.strip_prefix(root()).unwrap().display().to_string();
        for (line, words) in shell_commands(&std::fs::read_to_string(&page).unwrap()) {
            let place = format!("{name}:{line}: `{}`", words.join(" "));
            wrong.extend(missing(&words).map(|file| format!("{place}: there is no {file}")));
            let Some(arguments) = of_zoo_train(&words) else { continue };
            commands += 1;
            let mut command = command::zoo(folder.path(), arguments);
            let output = command.env("ZOO_PARSE_ONLY", "1").stdin(Stdio::null()).output().unwrap();
            if !output.status.success() {
                wrong.push(format!("{place}: {}", String::from_utf8_lossy(&output.stderr)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(commands >= 30, "only {commands} commands were found");
}

#[test]
fn shell_is_read_as_a_shell_reads_it() {
    let text = "```sh\nA=1 zoo-train show 'two words' \\\n  --x  # a remark\n./a && cargo run --release -p zoo-train -- list | \
                head >out\n```\n\n```rust\nzoo-train no\n```\n\n- a list\n\n  ```sh\n  zoo-train doctor\n  ```\n";
    let commands = shell_commands(text);
    let words: Vec<(usize, String)> = commands.iter().map(|(line, words)| (*line, words.join("|"))).collect();
    let expected = [
        (2, "zoo-train|show|two words|--x"),
        (4, "./a"),
        (4, "cargo|run|--release|-p|zoo-train|--|list"),
        (4, "head"),
        (14, "zoo-train|doctor"),
    ];
    assert_eq!(words, expected.map(|(line, words)| (line, words.to_string())));
    let arguments: Vec<_> = commands.iter().filter_map(|(_, words)| of_zoo_train(words)).collect();
    assert_eq!(arguments, [&["show", "two words", "--x"][..], &["list"], &["doctor"]]);
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The Markdown of the repository, but for the record of what once was and for what was measured.
fn pages() -> Vec<PathBuf> {
    let mut folders = vec![root().to_path_buf()];
    let mut pages = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let is_ours = !name.starts_with('.') && !matches!(name.as_str(), "target" | "CHANGELOG.md");
            let is_run = folder.file_name().is_some_and(|parent| parent == "results");
            if path.is_dir() && !path.is_symlink() && is_ours && !is_run {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") && is_ours {
                pages.push(path);
            }
        }
    }
    pages.sort();
    assert!(pages.contains(&root().join("README.md")), "{pages:?}");
    pages
}

/// The words of every command in blocks of shell, with the line where it begins.
fn shell_commands(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut commands = Vec::new();
    let mut is_shell = false;
    let (mut begun, mut joined) = (0, String::new());
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(language) = line.strip_prefix("```") {
            is_shell = language == "sh";
            continue;
        }
        if !is_shell {
            continue;
        }
        if joined.is_empty() {
            begun = number + 1;
        }
        match line.strip_suffix('\\') {
            Some(part) => joined += part,
            None => {
                joined += line;
                commands.extend(split(&joined).into_iter().map(|words| (begun, words)));
                joined.clear();
            }
        }
    }
    commands
}

/// The words of each command of a line, without remarks, redirections and variables that are set for it.
fn split(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let (mut word, mut quote) = (None::<String>, None);
    for letter in line.chars().chain([' ']) {
        match (quote, letter) {
            (Some(end), _) if letter == end => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, ' ' | '&' | '|' | ';') => {
                commands.last_mut().unwrap().extend(word.take());
                if letter != ' ' {
                    commands.push(Vec::new());
                }
            }
            _ => word.get_or_insert_default().push(letter),
        }
    }
    commands.last_mut().unwrap().extend(word.take());
    for words in &mut commands {
        let is_variable = |word: &String| word.split_once('=').is_some_and(|(name, _)| is_name(name));
        words.drain(..words.iter().take_while(|word| is_variable(word)).count());
        words.retain(|word| !word.starts_with(['>', '<']));
    }
    commands.retain(|words| !words.is_empty());
    commands
}

fn is_name(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_')
}

/// The arguments of a command that runs zoo-train.
fn of_zoo_train(words: &[String]) -> Option<&[String]> {
    let (program, rest) = words.split_first()?;
    match program.as_str() {
        "cargo" if rest.first().is_some_and(|word| word == "run") => {
            let end = rest.iter().position(|word| word == "--")?;
            rest[..end].windows(2).any(|pair| pair == ["-p", "zoo-train"]).then(|| &rest[end + 1..])
        }
        program => (Path::new(program).file_name()? == "zoo-train").then_some(rest),
    }
}

/// Files of the repository that a command names and that are not there.
fn missing(words: &[String]) -> impl Iterator<Item = &str> {
    let paths = words.iter().map(|word| word.rsplit('=').next().unwrap_or(word));
    paths.filter(|path| {
        let path = path.trim_start_matches("./");
        let is_ours = FOLDERS.iter().any(|folder| path.starts_with(folder)) || path == "setup.sh";
        is_ours && !path.contains('*') && !root().join(path).exists()
    })
}
