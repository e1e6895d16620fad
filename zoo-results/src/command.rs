//! The column `command`: what makes a row again.

use zoo_host::process::is_of_sweep;

/// The variable by which a sweep tells the processes of its cells its own command, as theirs names files that it wrote.
pub const OF_SWEEP: &str = "ZOO_SWEEP_COMMAND";

/// The command that the rows of this process come from: that of its sweep, or its own.
pub fn of_process() -> String {
    let own = || line(std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()));
    let of_sweep = std::env::var(OF_SWEEP).ok().filter(|_| is_of_sweep());
    of_sweep.unwrap_or_else(own)
}

/// Words as a shell takes them, behind the name of the program.
fn line(words: impl Iterator<Item = String>) -> String {
    std::iter::once("zoo-train".to_string()).chain(words.map(|word| quoted(&word))).collect::<Vec<_>>().join(" ")
}

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./:=,+%@".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_string();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_command_is_as_a_shell_takes_it() {
        let words = ["--model", "mobilenet-v2", "--pretrained", "", "--dataset", "folder:my 'own'"];
        let expected = r"zoo-train --model mobilenet-v2 --pretrained '' --dataset 'folder:my '\''own'\'''";
        assert_eq!(line(words.into_iter().map(String::from)), expected);
    }
}
