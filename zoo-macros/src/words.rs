//! Words that a table may use, and what to say of those that it may not.

/// The sections in their usual order.
pub const SECTIONS: [&str; 16] = [
    "scale",
    "round",
    "input",
    "norm",
    "act",
    "init",
    "padding",
    "stem",
    "stages",
    "head",
    "top",
    "drop_path",
    "dropout",
    "profile",
    "variants",
    "claims",
];

/// The sections that may stand more than once.
pub const REPEATABLE: [&str; 2] = ["stages", "profile"];

/// The sections that every table has, each with an example.
pub const REQUIRED: [(&str, &str); 7] = [
    ("input", "input 3 x 224;"),
    ("norm", "norm BatchNorm { eps: 1e-3, momentum: 0.01 };"),
    ("act", "act Relu6;"),
    ("stem", "stem Conv { k: 3, c: 32, s: 2 };"),
    ("stages", "stages MBConv { t k c n s; 6 3 24 2 2; }"),
    ("top", "top pool, dropout, linear;"),
    ("variants", "variants { name input; \"name-of-a-variant\" 224; }"),
];

/// The nearest of `allowed`, if the word looks like a slip of the pen for it.
pub fn nearest<'a>(word: &str, allowed: &[&'a str]) -> Option<&'a str> {
    let best = allowed.iter().map(|candidate| (distance(word, candidate), *candidate)).min()?;
    let slips = if best.1.len() <= 4 { 1 } else { 2 };
    (best.0 <= slips).then_some(best.1)
}

/// The sentence for an unknown word: what it is, the nearest that exists, and all that exist.
pub fn unknown(kind: &str, word: &str, allowed: &[&str]) -> String {
    let hint = match nearest(word, allowed) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => String::new(),
    };
    format!("unknown {kind} `{word}`{hint} expected {}", list(allowed)).replace("` expected", "`, expected")
}

/// `a`, `b` or `c`, in backticks.
pub fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => "nothing".into(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

/// `1 cell`, `2 cells`.
pub fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Levenshtein's distance: insertions, deletions and substitutions from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut current = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let substituted = previous[j] + usize::from(from != *to);
            current.push(substituted.min(previous[j + 1] + 1).min(current[j] + 1));
        }
        previous = current;
    }
    previous[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_pen_are_recognised() {
        assert_eq!(nearest("stagse", &SECTIONS), Some("stages"));
        assert_eq!(nearest("varients", &SECTIONS), Some("variants"));
        assert_eq!(nearest("kernel", &SECTIONS), None);
        assert_eq!(nearest("at", &SECTIONS), Some("act"));
    }

    #[test]
    fn unknown_words_come_with_what_is_allowed() {
        assert_eq!(unknown("word", "ciel", &["ceil", "trunc"]), "unknown word `ciel`, expected `ceil` or `trunc`");
        assert_eq!(
            unknown("section", "padding_", &["padding"]),
            "unknown section `padding_`; did you mean `padding`? expected `padding`"
        );
    }
}
