//! The library behind the `zoo-train` command: what it takes to train, evaluate, measure and compare the networks of
//! `zoo-core`.

pub mod data;
