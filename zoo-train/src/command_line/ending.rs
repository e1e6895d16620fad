//! How an error ends the process: its exit code.

use anyhow::Error;
use zoo_host::exit;
use zoo_training::TrainError;

use super::usage;

/// Cells of a sweep that would fail again however often they were tried: one sentence with the way out.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Permanent(pub String);

/// The exit code of a command that ended with `error`.
pub(super) fn code(error: &Error) -> u8 {
    if usage::is_wrong(error) {
        exit::WRONG_USAGE
    } else if is_permanent(error) {
        exit::PERMANENT
    } else {
        exit::FAILED
    }
}

/// Whether another try would come to the same. A run repeats its losses bit for bit, and so one that is not a number.
fn is_permanent(error: &Error) -> bool {
    error
        .chain()
        .any(|cause| cause.is::<Permanent>() || matches!(cause.downcast_ref(), Some(TrainError::NonFinite { .. })))
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn an_error_says_by_its_code_whether_to_try_again() {
        let non_finite = TrainError::NonFinite { step: 3, loss: None, seed: 0, images: vec![1], list: None };
        assert_eq!(code(&non_finite.into()), 42);
        assert_eq!(code(&Error::new(Permanent("no cell works".into())).context("while sweeping")), 42);
        assert_eq!(code(&TrainError::Setting("--batch-size must be at least 1".into()).into()), 2);
        assert_eq!(code(&anyhow!("the disk is full")), 1);
    }
}
