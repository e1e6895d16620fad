//! Words for people.

use zoo_core::summary::grouped;

/// A number of things: `1 step`, `1,560 steps`.
pub fn counted(count: u64, thing: &str) -> String {
    format!("{} {thing}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// Things in a row, with `word` before the last one: `a, b and c`.
pub fn listed(things: &[String], word: &str) -> String {
    match things {
        [] => String::new(),
        [one] => one.clone(),
        [several @ .., last] => format!("{} {word} {last}", several.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{counted, listed};

    #[test]
    fn the_last_thing_has_a_word_before_it() {
        let all = ["a", "b", "c"].map(String::from);
        assert_eq!([0, 1, 2, 3].map(|count| listed(&all[..count], "or")), ["", "a", "a or b", "a, b or c"]);
    }

    #[test]
    fn one_thing_is_no_several() {
        assert_eq!([0, 1, 1560].map(|count| counted(count, "step")), ["0 steps", "1 step", "1,560 steps"]);
    }
}
