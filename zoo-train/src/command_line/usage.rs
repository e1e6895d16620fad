//! Wrong usage: what was asked for cannot be, whatever is in files and on the machine. The exit code tells it, as clap's does
//! ([`super::ending`]).

use anyhow::Error;
use zoo_core::onnx::OnnxError;
use zoo_core::{PlanError, UnknownModel, UnknownProfile};

use zoo_data::DataError;
use zoo_data::choice::ChoiceError;
use zoo_measure::LatencyError;
use zoo_quantize::QuantizeError;
use zoo_report::choose::ChooseError;
use zoo_settings::SettingsError;
use zoo_sweep::SweepError;
use zoo_training::TrainError;
use zoo_weights::WeightsFault;

/// Flags that cannot be, or not together: one sentence with the way out.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub String);

/// Ends a command for wrong usage, with a sentence that is formatted as by `format!`.
macro_rules! misused {
    ($($words:tt)*) => { return Err($crate::command_line::usage::Usage(::std::format!($($words)*)).into()) };
}

pub(super) use misused;

/// Whether an error, or what caused it, is wrong usage.
pub(super) fn is_wrong(error: &Error) -> bool {
    error.chain().any(|cause| {
        // Errors that show another one as their own have no cause of that kind.
        let training = matches!(
            cause.downcast_ref(),
            Some(TrainError::Setting(_) | TrainError::Plan(_) | TrainError::Data(DataError::Choice(_)))
        );
        let latency = matches!(cause.downcast_ref(), Some(LatencyError::Plan(_)));
        let weights = cause.downcast_ref().is_some_and(WeightsFault::is_misuse);
        let onnx =
            matches!(cause.downcast_ref(), Some(OnnxError::Opset(_) | OnnxError::Batch | OnnxError::Channels(_)));
        let quantize = matches!(
            cause.downcast_ref(),
            Some(QuantizeError::UnknownLayer { .. } | QuantizeError::Percentile(_) | QuantizeError::NothingLeft)
        );
        let sweep = match cause.downcast_ref() {
            Some(SweepError::File { .. } | SweepError::Budget(_)) => true,
            Some(SweepError::Part(_) | SweepError::Merge { .. }) => true,
            Some(SweepError::Recipe(error)) => matches!(error, TrainError::Setting(_) | TrainError::Plan(_)),
            _ => false,
        };
        let data = cause.is::<ChoiceError>() || matches!(cause.downcast_ref(), Some(DataError::Choice(_)));
        let choice = matches!(cause.downcast_ref(), Some(ChooseError::Dataset { .. }));
        let ours = data || training || latency || weights || quantize || onnx || sweep || choice;
        let unknown = cause.is::<UnknownModel>() || cause.is::<UnknownProfile>();
        ours || unknown || cause.is::<Usage>() || cause.is::<PlanError>() || cause.is::<SettingsError>()
    })
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn what_cannot_be_is_told_from_what_failed() {
        let misuse = || -> Result<(), Error> { misused!("give {} or --b", "--a") };
        assert!(is_wrong(&misuse().unwrap_err()));
        assert!(is_wrong(&misuse().unwrap_err().context("while reading flags")));
        assert!(is_wrong(&TrainError::Setting("--batch-size must be at least 1".into()).into()));
        assert!(is_wrong(&WeightsFault::Choice("--pretrained x: there are no such weights".into()).into()));
        assert!(!is_wrong(&anyhow!("the disk is full")));
        assert!(!is_wrong(&TrainError::Loader.into()));
    }
}
