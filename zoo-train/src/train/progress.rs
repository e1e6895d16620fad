//! What a run shows while it goes: a bar on a terminal, plain lines elsewhere, nothing with `--quiet`.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::console::say;
use crate::sweep::process::SWEEP;

/// Time between plain lines within an epoch, and between those that a sweep makes its bar of.
const PLAIN_EVERY: Duration = Duration::from_secs(30);
const BAR_EVERY: Duration = Duration::from_secs(1);

/// How much a run says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// Everything.
    Normal,
}

/// The display of one run.
#[derive(Debug)]
pub struct Progress {
    verbosity: Verbosity,
    bar: Option<ProgressBar>,
    plain_every: Duration,
    last_line: Instant,
}

/// What is shown of the running epoch.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    /// Steps done in the run.
    pub step: u64,
    /// Mean loss of the epoch so far.
    pub loss: f64,
    /// Percent right of the epoch so far.
    pub top1: f64,
    /// Images a second.
    pub images_per_second: f64,
    /// Seconds until the run ends.
    pub seconds_left: f64,
}

impl Progress {
    /// A display for a run of `steps`, `done` of which are behind it.
    pub fn new(verbosity: Verbosity, steps: u64, done: u64) -> Progress {
        let on_terminal = verbosity == Verbosity::Normal && std::io::stderr().is_terminal();
        let bar = on_terminal.then(|| {
            let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
            bar.set_position(done);
            if let Ok(style) = ProgressStyle::with_template("{wide_bar:.cyan/dim} {pos}/{len}  {msg}") {
                bar.set_style(style.progress_chars("━━╌"));
            }
            bar
        });
        let plain_every = if std::env::var_os(SWEEP).is_some() { BAR_EVERY } else { PLAIN_EVERY };
        Progress { verbosity, bar, plain_every, last_line: Instant::now() }
    }

    /// Another number of steps, once a budget has become one.
    pub fn set_steps(&self, steps: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(steps);
        }
    }

    /// A line that stays.
    pub fn say(&mut self, line: &str) {
        if self.verbosity == Verbosity::Quiet {
            return;
        }
        match &self.bar {
            Some(bar) => bar.println(line),
            None => say!("{line}"),
        }
        self.last_line = Instant::now();
    }

    /// The running epoch.
    pub fn update(&mut self, snapshot: &Snapshot, steps: u64) {
        let Snapshot { step, loss, top1, images_per_second, seconds_left } = *snapshot;
        let left = time(seconds_left);
        let message = format!("loss {loss:.3}  top-1 {top1:5.2} %  {images_per_second:.0} img/s  {left} left");
        match &self.bar {
            Some(bar) => {
                bar.set_position(step);
                bar.set_message(message);
            }
            None if self.last_line.elapsed() >= self.plain_every => {
                self.say(&format!("step {step}/{steps}  {message}"))
            }
            None => {}
        }
    }

    /// Says that the test set is being evaluated.
    pub fn evaluating(&self, seen: usize, images: usize) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("evaluating {seen}/{images}"));
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A duration as people say it: `45 s`, `12 min 05 s`, `3 h 07 min`.
pub fn time(seconds: f64) -> String {
    let whole = if seconds.is_finite() { seconds.max(0.0).round() as u64 } else { 0 };
    match whole {
        0..=99 => format!("{whole} s"),
        100..=5_999 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}
