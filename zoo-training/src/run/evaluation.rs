//! What happens at the end of an epoch: an evaluation, its checkpoint, and whether the run goes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::Run;
use crate::TrainError;
use crate::checkpoint::Running;
use crate::evaluate::{Answers, Evaluation, Protocol, evaluate};
use crate::metrics::{self, Epoch};

impl Run<'_> {
    pub(super) fn end_epoch(&mut self, stop: &AtomicBool) -> Result<(), TrainError> {
        let begun = Instant::now();
        let Some((found, averaged)) = self.evaluate(stop)? else {
            self.stops = true;
            return Ok(());
        };
        self.speed.evaluation = begun.elapsed().as_secs_f64();
        let epoch = self.epoch(&found, averaged.as_ref());
        let best = self.state.best_top1.is_none_or(|best| epoch.better_top1() > best);
        if best {
            self.state.best_top1 = Some(epoch.better_top1());
        }
        self.state.running = Running::default();
        self.state.epochs.push(epoch);
        self.state.stopped_early = self.state.step < self.steps && self.is_stale();
        if best {
            // The best before the newest: a run killed between the two evaluates this epoch again.
            self.save_as(&self.folder.best())?;
        } else {
            self.save()?;
        }
        if self.request.comm.is_first() {
            if best {
                self.folder.best_is_last()?;
            }
            self.folder.keep_top(&self.state)?;
            metrics::append(&self.folder.metrics(), &epoch)?;
        }
        self.say_epoch(&epoch);
        Ok(())
    }

    /// Evaluates the weights and their average; nothing where it was asked to stop meanwhile.
    fn evaluate(&mut self, stop: &AtomicBool) -> Result<Option<(Evaluation, Option<Evaluation>)>, TrainError> {
        if let Some(full) = self.plans.last() {
            self.trainer.model.set_size_of(full)?;
        }
        let Some(found) = self.evaluate_once(stop)? else { return Ok(None) };
        let Some(mut average) = self.trainer.average.take() else { return Ok(Some((found, None))) };
        average.swap(&mut self.trainer.model)?;
        let averaged = self.evaluate_once(stop);
        average.swap(&mut self.trainer.model)?;
        self.trainer.average = Some(average);
        Ok(averaged?.map(|averaged| (found, Some(averaged))))
    }

    fn evaluate_once(&mut self, stop: &AtomicBool) -> Result<Option<Evaluation>, TrainError> {
        let Run { trainer, test, progress, request, .. } = self;
        let (images, comm) = (test.len(), &request.comm);
        let zoo_settings::Run { workers, test_time_flip: mirrored, .. } = self.state.settings.run;
        evaluate(&trainer.model, test, Protocol { comm, workers, answers: &Answers::InOrder, mirrored }, |seen| {
            let seen = (seen * comm.size()).min(images);
            progress.part("evaluating", seen, images);
            seen == images || !stop.load(Ordering::Relaxed)
        })
    }

    /// Whether the last evaluations of the run's patience were all no better than those before.
    fn is_stale(&self) -> bool {
        let Some(patience) = self.state.settings.run.patience.and_then(|patience| usize::try_from(patience).ok())
        else {
            return false;
        };
        // A run that was extended has its patience anew.
        let begun = self.state.settings.schedule.extended_from.last().copied().unwrap_or(0);
        let scores: Vec<f64> =
            self.state.epochs.iter().filter(|epoch| epoch.step > begun).map(Epoch::better_top1).collect();
        // The first of the best ones.
        let best = scores.iter().enumerate().rev().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(index, _)| index);
        scores.len() - best > patience
    }

    fn epoch(&self, found: &Evaluation, averaged: Option<&Evaluation>) -> Epoch {
        let Running { loss, correct, images, steps, seconds } = self.state.running;
        Epoch {
            epoch: self.state.step as f64 / self.source.steps_per_epoch() as f64,
            step: self.state.step,
            learning_rate: self.schedule().rate(self.state.step.saturating_sub(1)) * self.state.rate_scale,
            train_loss: loss / steps.max(1) as f64,
            train_top1: 100.0 * correct as f64 / images.max(1) as f64,
            test_loss: found.loss,
            test_top1: found.top1,
            test_top5: found.top5,
            test_top1_ema: averaged.map(|found| found.top1),
            images_per_second: images as f64 / seconds.max(f64::MIN_POSITIVE),
            seconds: self.seconds(),
        }
    }
}
