//! Words that a table may use, and what to say of those that it may not.

/// The sections in their usual order.
pub const SECTIONS: [&str; 19] = [
    "scale",
    "vary",
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
    "names",
    "report",
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
    let best = allowed.iter().map(|candidate| (strsim::osa_distance(word, candidate), *candidate)).min()?;
    let slips = if best.1.len() <= 4 { 1 } else { 2 };
    (best.0 <= slips).then_some(best.1)
}

/// The sentence for an unknown word: the nearest that exists, and all that exist unless they are many.
pub fn unknown(kind: &str, word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(near) if known.len() == 1 || known.len() > 8 => {
            format!("unknown {kind} `{word}`: did you mean `{near}`?")
        }
        Some(near) => format!("unknown {kind} `{word}`: did you mean `{near}`? Expected {}", list(known)),
        None => format!("unknown {kind} `{word}`: expected {}", list(known)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_pen_are_recognised() {
        assert_eq!(nearest("stagse", &SECTIONS), Some("stages"));
        assert_eq!(nearest("varients", &SECTIONS), Some("variants"));
        assert_eq!(nearest("kernel", &SECTIONS), None);
        assert_eq!(nearest("at", &SECTIONS), Some("act"));
        assert_eq!(nearest("tpo", &["top"]), Some("top"));
    }

    #[test]
    fn unknown_words_come_with_what_is_allowed() {
        assert_eq!(unknown("word", "no", &["ceil", "trunc"]), "unknown word `no`: expected `ceil` or `trunc`");
        let known = unknown("word", "trunk", &["ceil", "trunc"]);
        assert_eq!(known, "unknown word `trunk`: did you mean `trunc`? Expected `ceil` or `trunc`");
        assert_eq!(unknown("section", "acts", &SECTIONS), "unknown section `acts`: did you mean `act`?");
    }
}
