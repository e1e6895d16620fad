//! What a block says of its fields while compiling.
//!
//! Owns the words and their way to the cell: [`network!`](crate::network) asks each block to check each of its rows, and
//! reports what it says at the cell of the field.

/// A field with a value that no network can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field, which is a column of the table.
    pub field: &'static str,
    /// A sentence about it.
    pub message: &'static str,
}

impl Problem {
    /// A problem of `field`.
    pub const fn new(field: &'static str, message: &'static str) -> Option<Problem> {
        Some(Problem { field, message })
    }

    /// What is wrong with the stride of a block that may only halve its map.
    pub const fn of_stride(s: u32) -> Option<Problem> {
        if s == 1 || s == 2 { None } else { Problem::new("s", "the stride must be 1 or 2") }
    }

    /// What is wrong with the kernel of a block whose map keeps its size.
    pub const fn of_kernel(k: u32) -> Option<Problem> {
        if k % 2 == 1 { None } else { Problem::new("k", "the kernel size must be odd") }
    }

    /// What is wrong with a width.
    pub const fn of_width(c: u32) -> Option<Problem> {
        if c == 0 { Problem::new("c", "a layer needs at least 1 channel") } else { None }
    }
}

/// What is wrong with width, stride and depthwise kernel of an inverted residual, the first of it.
pub const fn inverted(c: u32, k: u32, s: u32) -> Option<Problem> {
    let problems = [Problem::of_width(c), Problem::of_kernel(k), Problem::of_stride(s)];
    let mut index = 0;
    while index < problems.len() {
        if problems[index].is_some() {
            return problems[index];
        }
        index += 1;
    }
    None
}

/// The sentence, where the problem is one of `field`.
pub const fn problem_of(problem: &Option<Problem>, field: &str) -> Option<&'static str> {
    match problem {
        Some(problem) if same(problem.field, field) => Some(problem.message),
        _ => None,
    }
}

/// The sentence, where the problem is one of none of `fields`.
pub const fn problem_beside(problem: &Option<Problem>, fields: &[&str]) -> Option<&'static str> {
    let Some(found) = problem else { return None };
    let mut index = 0;
    while index < fields.len() {
        if same(found.field, fields[index]) {
            return None;
        }
        index += 1;
    }
    Some(found.message)
}

/// `==` of texts, which constants do not have.
const fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut index = 0;
    while index < one.len() {
        if one[index] != other[index] {
            return false;
        }
        index += 1;
    }
    true
}
