//! What is said of a key that nobody knows.

/// What is said behind an unknown `key`: the nearest known one, or all of them.
pub fn hint(key: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|name| (strsim::osa_distance(key, name), name)).min();
    match nearest {
        Some((distance, name)) if distance <= 1 + key.len() / 3 => format!(", did you mean `{name}`?"),
        _ => format!("; known keys are {}", known.join(", ")),
    }
}
