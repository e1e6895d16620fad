//! The loss of a training step: cross-entropy with label smoothing, of mixed labels too.

use tch::{Reduction, TchError, Tensor};

/// Mean cross-entropy of `logits`, where `smoothing` of each target is given to all classes alike, and the labels that
/// accuracy counts. Images that are mixed have `partners`, the other labels with the share of their own one: the loss is
/// that of both by their shares, and the label of the larger share counts.
///
/// # Errors
/// Where libtorch refuses.
pub fn cross_entropy(
    logits: &Tensor,
    labels: Tensor,
    partners: Option<(&[i64], f64)>,
    smoothing: f64,
) -> Result<(Tensor, Tensor), TchError> {
    let loss = |labels: &Tensor| logits.f_cross_entropy_loss(labels, None::<Tensor>, Reduction::Mean, -100, smoothing);
    let Some((partners, share)) = partners else { return Ok((loss(&labels)?, labels)) };
    let partners = Tensor::f_from_slice(partners)?.f_to(logits.device())?;
    let both = loss(&labels)?.f_mul_scalar(share)?.f_add(&loss(&partners)?.f_mul_scalar(1.0 - share)?)?;
    Ok((both, if share >= 0.5 { labels } else { partners }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: logits (ln 2, 0, 0) have probabilities 1/2, 1/4, 1/4; smoothing of 0.3 gives 0.1 to each class.
    #[test]
    fn mixed_labels_have_their_shares_of_the_loss() -> Result<(), TchError> {
        let (second, fourth) = (2f64.ln(), 4f64.ln());
        let logits = Tensor::from_slice(&[second, 0.0, 0.0]).view([1, 3]);
        let label = || Tensor::from_slice(&[0i64]);
        let smooth = 0.1 * second + 0.2 * fourth;
        let (own, partner) = (0.7 * second + smooth, 0.7 * fourth + smooth);

        let (plain, labels) = cross_entropy(&logits, label(), None, 0.3)?;
        assert!((plain.double_value(&[]) - own).abs() < 1e-12);
        assert_eq!(labels.int64_value(&[0]), 0);
        for (share, counted) in [(0.8, 0), (0.4, 2)] {
            let (loss, labels) = cross_entropy(&logits, label(), Some((&[2], share)), 0.3)?;
            let expected = share * own + (1.0 - share) * partner;
            assert!((loss.double_value(&[]) - expected).abs() < 1e-12, "{loss:?}, not {expected}");
            assert_eq!(labels.int64_value(&[0]), counted);
        }
        Ok(())
    }
}
