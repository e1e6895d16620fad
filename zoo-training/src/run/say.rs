//! What a run says: at its beginning, after each epoch, and at its end.
use zoo_core::summary::grouped;

use super::{Ending, Run, Scores};
use crate::TrainError;
use crate::metrics::Epoch;
use crate::progress::time;
use zoo_host::words::counted;

/// Seconds that are worth a word.
const MENTIONED: f64 = 2.0;

impl Run<'_> {
    pub(super) fn say_beginning(&mut self) {
        let settings = &self.state.settings;
        let cost = self.trainer.model.plan().cost;
        let per_epoch = self.source.steps_per_epoch();
        let passed = self.request.begun.elapsed().as_secs_f64();
        let expected = match time(passed + self.seconds_left()) {
            // Reading data and measuring the speed are a part of it.
            whole if passed >= MENTIONED => format!("{whole}, {} of it already spent,", time(passed)),
            whole => whole,
        };
        let per_step = self.progressive.mean(&self.current_speed().steps);
        let lines = [
            format!(
                "{}, {}, {} px: {} parameters, {} MACs",
                settings.network.model,
                settings.network.profile,
                settings.input(),
                grouped(cost.params),
                grouped(cost.macs),
            ),
            format!(
                "{}: {} training{} and {}; {} of {}, {:.2} epochs",
                self.dataset.name,
                grouped(self.source.split.len() as u64),
                if self.source.on_device { " (on the device)" } else { "" },
                counted(self.test.len() as u64, "test image"),
                counted(self.steps, "step"),
                counted(settings.schedule.batch_size as u64, "image"),
                self.steps as f64 / per_epoch as f64,
            ),
            format!(
                "expected time {expected} at {:.0} img/s on {}; Ctrl-C saves, --resume {} continues",
                settings.schedule.batch_size as f64 / per_step,
                counted(tch::get_num_threads().unsigned_abs().into(), "thread"),
                self.resumes_by(),
            ),
            match self.state.step {
                0 => format!("results in {}", self.folder.path.display()),
                step => format!("continuing from step {} in {}", grouped(step), self.folder.path.display()),
            },
        ];
        lines.iter().for_each(|line| self.progress.say(line));
    }

    pub(super) fn say_epoch(&mut self, epoch: &Epoch) {
        let average = epoch.test_top1_ema.map(|top1| format!("  averaged {top1:5.2} %")).unwrap_or_default();
        self.progress.say(&format!(
            "epoch {:6.2}  loss {:.4}  train {:5.2} %  test {:5.2} %{average}  test loss {:.4}  {:.0} img/s  {}",
            epoch.epoch,
            epoch.train_loss,
            epoch.train_top1,
            epoch.test_top1,
            epoch.test_loss,
            epoch.images_per_second,
            time(epoch.seconds),
        ));
    }

    pub(super) fn say_ending(&mut self, outcome: &Result<Ending, TrainError>, has_row: bool) {
        for (images, split) in [("training", &self.source.split), ("test", &self.test.split)] {
            skipped_lines(images, &split.skipped()).iter().for_each(|line| self.progress.say(line));
        }
        let seconds = time(self.seconds());
        let table = self.request.results.join("accuracy.csv");
        match outcome {
            Ok(Ending::Done(Scores { top1, top1_ema })) => {
                let early = if self.state.stopped_early { "stopped early, with no further improvement: " } else { "" };
                let average = top1_ema.map(|top1| format!(", {top1:.2} % averaged")).unwrap_or_default();
                let row = if has_row { format!("; a row in {}", table.display()) } else { String::new() };
                self.progress.tell(&format!("{early}{top1:.2} % top-1{average} in {seconds}{row}"));
                self.say_cold_average();
            }
            Ok(Ending::Interrupted) => self.progress.say(&format!(
                "stopped at step {} after {seconds}; continue with --resume {}",
                grouped(self.state.step),
                self.resumes_by(),
            )),
            Err(_) if self.folder.last().exists() => {
                self.progress.say(&format!("the last good checkpoint is {}", self.folder.last().display()));
            }
            Err(_) => {}
        }
    }
}

impl Run<'_> {
    /// What `--resume` is told to go on with it: settings do not tell a run that was extended.
    fn resumes_by(&self) -> String {
        let is_plain = self.state.settings.schedule.extended_from.is_empty();
        if is_plain { "auto".into() } else { self.folder.path.display().to_string() }
    }

    /// An average of too few steps still holds weights of the start.
    fn say_cold_average(&mut self) {
        let Some(average) = &self.trainer.average else { return };
        let (steps, decay) = (self.state.step, average.decay_at(self.state.step));
        if let Some(target) = average.warms_to(steps) {
            self.progress.say(&format!(
                "note: after {} the EMA is still warming up: its decay is {decay:.4}, on its way to {target}",
                counted(steps, "step")
            ));
        }
    }
}

/// What is said of files that could not be read.
pub fn skipped_lines(images: &str, skipped: &[String]) -> Vec<String> {
    if skipped.is_empty() {
        return Vec::new();
    }
    let images = format!("{images} image");
    let heading = format!("skipped {} that cannot be read:", counted(skipped.len() as u64, &images));
    std::iter::once(heading).chain(skipped.iter().map(|line| format!("  {line}"))).collect()
}
