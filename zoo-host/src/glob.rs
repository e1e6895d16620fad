//! Patterns of names, as people type them: `efficientnet-b?`.

/// Whether `name` matches a pattern of `*`, `?` and plain characters.
pub fn matches(pattern: &str, name: &str) -> bool {
    match pattern.chars().next() {
        None => name.is_empty(),
        Some('*') => {
            let rest = &pattern[1..];
            name.char_indices().map(|(at, _)| at).chain([name.len()]).any(|at| matches(rest, &name[at..]))
        }
        Some(wanted) => name.chars().next().is_some_and(|c| {
            (wanted == '?' || wanted == c) && matches(&pattern[wanted.len_utf8()..], &name[c.len_utf8()..])
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn globs() {
        assert!(matches("*", "efficientnet-b0"));
        assert!(matches("efficientnet-b?", "efficientnet-b0"));
        assert!(matches("*v3*0.5", "mobilenet-v3-large-0.5"));
        assert!(!matches("efficientnet-b?", "efficientnet-lite0"));
        assert!(!matches("mobilenet", "mobilenet-v1"));
        assert!(!matches("", "mobilenet-v1"));
    }
}
