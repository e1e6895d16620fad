//! Words for people.

use zoo_core::summary::grouped;

/// A number of things: `1 step`, `1,560 steps`.
pub fn counted(count: u64, thing: &str) -> String {
    format!("{} {thing}{}", grouped(count), if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn one_thing_is_no_several() {
        assert_eq!([0, 1, 1560].map(|count| counted(count, "step")), ["0 steps", "1 step", "1,560 steps"]);
    }
}
