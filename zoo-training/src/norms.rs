//! Batch norm needs more than one value a channel: of a single one the mean is the value itself, what is left is zero, and
//! nothing is learned. PyTorch refuses such a batch, too.

use zoo_core::Plan;
use zoo_core::op::OpKind;

use super::comm::Comm;
use super::{TrainError, memory};
use zoo_settings::Settings;

/// The first norm of `plan` behind `frozen` operations that sees a map of 1 x 1, by its name.
pub fn over_one_pixel(plan: &Plan, frozen: usize) -> Option<String> {
    let ops = plan.ops.iter().skip(frozen);
    let mut norms = ops.filter(|op| matches!(op.kind, OpKind::BatchNorm(_)) && op.output.h * op.output.w == 1);
    norms.next().map(|op| op.name())
}

/// Refuses batches of which a piece would be one image where the norms, of which the first `frozen` operations have none that
/// learn, see one pixel of it.
///
/// # Errors
/// The sentence with the way out.
pub fn check(settings: &Settings, plan: &Plan, frozen: usize) -> Result<(), TrainError> {
    let micro_batch = settings.schedule.micro_batch.unwrap_or(settings.schedule.batch_size);
    if settings.network.freeze_statistics || pieces_hold(settings.schedule.batch_size, micro_batch, 2) {
        return Ok(());
    }
    let Some(norm) = over_one_pixel(plan, frozen) else { return Ok(()) };
    let flag = if settings.schedule.micro_batch.is_some() { "--micro-batch" } else { "--batch-size" };
    let left = if micro_batch > 1 {
        format!(", which leaves one image of {}", settings.schedule.batch_size)
    } else {
        String::new()
    };
    Err(TrainError::Setting(format!(
        "{flag} {micro_batch}{left}: expected more than 1 value per channel when training, and {norm} sees one image of \
         1 x 1 pixel; choose another {flag}, a larger --input-size, a --profile with fewer strides, or --freeze-statistics"
    )))
}

/// Refuses batches of which a rank would have one image where norms need two.
///
/// # Errors
/// The sentence with the way out.
pub fn check_share(settings: &Settings, plan: &Plan, frozen: usize, comm: &Comm) -> Result<(), TrainError> {
    let batch = settings.schedule.batch_size;
    let least = (0..comm.size()).map(|rank| comm.share_of(rank, batch).len()).min().unwrap_or(batch);
    let norm =
        over_one_pixel(plan, frozen).filter(|_| !settings.network.freeze_statistics && !comm.synchronizes_norms());
    if least == 0 || (least == 1 && norm.is_some()) {
        let images = if least == 0 { "no image" } else { "one image, of which a norm sees a single pixel" };
        return Err(TrainError::Setting(format!(
            "--batch-size {batch} is that of all {} ranks together and leaves one of them {images}: give at least {}",
            comm.size(),
            4 * comm.size()
        )));
    }
    Ok(())
}

/// What there is to say where images are so small that a map of one pixel is strided.
pub fn strides_beyond(plan: &Plan) -> Option<String> {
    let beyond = plan.ops.iter().find(|op| match op.kind {
        OpKind::Conv(conv) => op.input.h.max(op.input.w) < conv.stride,
        _ => false,
    })?;
    Some(format!(
        "note: images of {} px are smaller than the stride of the network: {} takes every other pixel of a feature map \
         of 1 x 1; choose a larger --input-size, or a --profile with fewer strides",
        plan.options.input_size,
        beyond.name()
    ))
}

/// The next smaller size for the pieces of a batch of `count` images that leaves none of fewer than `least`; none where there
/// is no such.
pub fn smaller(piece: usize, count: usize, least: usize) -> Option<usize> {
    (1..=memory::half(piece)?).rev().find(|size| pieces_hold(count, *size, least))
}

/// Whether all pieces of a batch of `count`, of at most `size` each, hold at least `least` images.
fn pieces_hold(count: usize, size: usize, least: usize) -> bool {
    let size = size.clamp(1, count.max(1));
    let rest = count % size;
    size >= least && (rest == 0 || rest >= least)
}

#[cfg(test)]
mod tests {
    use zoo_core::arch::MOBILENET_V2;
    use zoo_core::{Options, Plan};

    use super::*;

    fn plan(side: u32) -> Plan {
        Plan::new(&MOBILENET_V2, &Options { input_size: side.into(), ..Options::DEFAULT }).unwrap()
    }

    fn settings(text: &str) -> Settings {
        Settings::layered(None, text.parse().unwrap()).unwrap().0
    }

    #[test]
    fn one_image_of_one_pixel_is_refused_with_its_norm() {
        let (small, large) = (plan(32), plan(64));
        assert_eq!(over_one_pixel(&large, 0), None);
        assert!(over_one_pixel(&small, 0).is_some());
        assert_eq!(over_one_pixel(&small, small.backbone()), None);
        let refused = |text: &str| check(&settings(text), &small, 0).map_err(|error| error.to_string()).err();
        for (text, flag) in [
            ("batch_size = 1", "--batch-size 1: "),
            ("batch_size = 8\nmicro_batch = 1", "--micro-batch 1: "),
            ("batch_size = 9\nmicro_batch = 4", "--micro-batch 4, which leaves one image of 9: "),
        ] {
            let said = refused(text).unwrap();
            assert!(said.starts_with(flag) && said.contains("more than 1 value per channel"), "{said}");
        }
        for text in ["batch_size = 2", "batch_size = 9\nmicro_batch = 3", "batch_size = 1\nfreeze_statistics = true"] {
            assert_eq!(refused(text), None, "{text}");
        }
        assert!(check(&settings("batch_size = 1"), &small, small.backbone()).is_ok());
        assert!(check(&settings("batch_size = 1"), &large, 0).is_ok());
    }

    #[test]
    fn pieces_that_memory_asks_for_are_never_one_image_of_one_pixel() {
        assert_eq!(smaller(128, 128, 1), Some(64));
        assert_eq!((smaller(2, 128, 1), smaller(2, 128, 2)), (Some(1), None));
        // 9 images: 5 and 4, then 4, 4 and 1, which is too few.
        assert_eq!((smaller(9, 9, 2), smaller(5, 9, 1), smaller(5, 9, 2)), (Some(5), Some(3), Some(3)));
        for count in 1..40 {
            let mut size = count;
            while let Some(next) = smaller(size, count, 2) {
                assert!(next < size && count % next != 1, "{count} in pieces of {next}");
                size = next;
            }
        }
    }

    #[test]
    fn images_smaller_than_the_stride_are_told() {
        assert_eq!(strides_beyond(&plan(32)), None);
        let said = strides_beyond(&plan(16)).unwrap();
        assert!(said.contains("images of 16 px") && said.contains("--input-size"), "{said}");
    }
}
