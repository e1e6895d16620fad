//! Signs of life: nobody waits for long without a word.

#[path = "common/command.rs"]
mod command;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use command::{run_folder, small, train, zoo};
use tempfile::tempdir;

#[test]
fn an_evaluation_tells_a_log_early_how_far_it_is() {
    let folder = tempdir().unwrap();
    train(folder.path(), &["--steps", "1"]).code(0);
    let best = run_folder(folder.path()).join("best.safetensors");
    // Minutes of work.
    let flags = ["--limit-test", "5000", "--crop", "224", "--threads", "1", "--dataset", "synthetic"];
    let mut command = zoo(folder.path(), &[&["eval", "--weights", best.to_str().unwrap()], &flags[..]].concat());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.find(|line| line.ends_with(" of 5000 images"));
    assert!(line.is_some(), "nothing was said");
    assert_eq!(child.try_wait().unwrap(), None, "it was said at the end");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn on_a_terminal_something_moves_while_the_speed_is_measured() {
    let folder = tempdir().unwrap();
    // Trial steps of a second or more.
    let flags = small(&["--input-size", "160", "--batch-size", "128", "--limit-train", "128", "--steps", "1"]);
    let command = [&[env!("CARGO_BIN_EXE_zoo-train").to_string()], &flags[..]].concat().join(" ");
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &command, "/dev/null"]).current_dir(folder.path()).stdin(Stdio::null());
    let Ok(output) = terminal.output() else {
        assert!(std::env::var_os("CI").is_none(), "CI is set, and there is no `script`: install util-linux");
        println!("skipped: there is no `script`, of util-linux, to make a terminal");
        return;
    };
    let seen = String::from_utf8_lossy(&output.stdout);
    let is_sign = |before: &str| before.chars().last().is_some_and(|sign| ('\u{2800}'..='\u{28ff}').contains(&sign));
    let signs = seen.split(" measuring").filter(|before| is_sign(before)).count();
    assert!(signs >= 2, "{signs} signs in\n{seen}");
}
