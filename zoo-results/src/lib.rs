//! What a run leaves behind: rows of CSV that can be trusted, and the machine they were made on.

pub mod accuracy;
pub mod command;
pub mod count;
pub mod environment;
pub mod status;
pub mod table;
pub mod text;

pub use environment::{Environment, revision, set_revision};
pub use table::{Change, Table, TableError};
pub use text::canonical;
