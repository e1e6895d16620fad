//! What a run shows while it goes: a bar on a terminal, plain lines elsewhere, nothing with `--quiet`.

use std::fs::File;
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use zoo_host::console::{say, tell};
use zoo_host::process::SWEEP;

/// Time between plain lines within an epoch, and between those that a sweep makes its bar of.
const PLAIN_EVERY: Duration = Duration::from_secs(30);
const BAR_EVERY: Duration = Duration::from_secs(1);

/// Time between two looks of a sign that work goes on.
const TICK: Duration = Duration::from_millis(200);

/// A sign that work goes on, until it is dropped.
#[derive(Debug)]
pub struct Busy(Option<ProgressBar>);

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(sign) = &self.0 {
            sign.finish_and_clear();
        }
    }
}

/// How much a run says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// Everything.
    Normal,
}

/// Where lines that stay go, and whether there is a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Streams {
    /// Lines go to standard output, as somebody at a terminal sent that elsewhere (`| tee log`, `> log`).
    lines_are_results: bool,
    /// There is a bar on standard error.
    has_bar: bool,
}

impl Streams {
    fn of(errors_are_seen: bool, results_are_seen: bool, results_are_piped: bool) -> Streams {
        Streams {
            lines_are_results: errors_are_seen && !results_are_seen,
            // Behind a pipe somebody may write to the same terminal, over the bar.
            has_bar: errors_are_seen && !results_are_piped,
        }
    }

    fn of_this_process() -> Streams {
        let results_are_seen = std::io::stdout().is_terminal();
        Streams::of(std::io::stderr().is_terminal(), results_are_seen, !results_are_seen && is_pipe())
    }
}

/// Whether standard output is a pipe.
fn is_pipe() -> bool {
    let metadata = std::io::stdout().as_fd().try_clone_to_owned().map(File::from).and_then(|file| file.metadata());
    metadata.is_ok_and(|metadata| metadata.file_type().is_fifo())
}

/// The display of one run.
#[derive(Debug)]
pub struct Progress {
    verbosity: Verbosity,
    streams: Streams,
    bar: Option<ProgressBar>,
    step: Option<(u64, u64)>,
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
    /// A display without a bar yet.
    pub fn new(verbosity: Verbosity) -> Progress {
        let plain_every = if std::env::var_os(SWEEP).is_some() { BAR_EVERY } else { PLAIN_EVERY };
        let streams = Streams::of_this_process();
        Progress { verbosity, streams, bar: None, step: None, plain_every, last_line: Instant::now() }
    }

    /// The bar of a run of `steps`, `done` of which are behind it.
    pub fn begin(&mut self, steps: u64, done: u64) {
        let on_terminal = self.verbosity == Verbosity::Normal && self.streams.has_bar;
        self.bar = on_terminal.then(|| {
            let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
            bar.set_position(done);
            if let Ok(style) = ProgressStyle::with_template("{wide_bar:.cyan/dim} {pos}/{len}  {msg}") {
                bar.set_style(style.progress_chars("━━╌"));
            }
            bar
        });
    }

    /// On a terminal, a sign that something is done of which no steps are counted, as long as it lives.
    pub fn busy(&self, what: &'static str) -> Busy {
        let on_terminal = self.verbosity == Verbosity::Normal && self.streams.has_bar;
        Busy(on_terminal.then(|| {
            let sign = ProgressBar::new_spinner().with_message(what);
            sign.enable_steady_tick(TICK);
            sign
        }))
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
            Some(bar) if self.streams.lines_are_results => bar.suspend(|| tell!("{line}")),
            Some(bar) => bar.println(line),
            None if self.streams.lines_are_results => tell!("{line}"),
            None => say!("{line}"),
        }
        self.last_line = Instant::now();
    }

    /// What the run came to: on standard output, wherever that goes.
    pub fn tell(&mut self, line: &str) {
        if self.verbosity == Verbosity::Quiet {
            return;
        }
        match &self.bar {
            Some(bar) => bar.suspend(|| tell!("{line}")),
            None => tell!("{line}"),
        }
    }

    /// The running epoch.
    pub fn update(&mut self, snapshot: &Snapshot, steps: u64) {
        let Snapshot { step, loss, top1, images_per_second, seconds_left } = *snapshot;
        let left = time(seconds_left);
        self.step = Some((step, steps));
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

    /// How far something else than steps is, such as `evaluating`.
    pub fn part(&mut self, what: &str, seen: usize, images: usize) {
        let message = format!("{what} {seen}/{images}");
        match (&self.bar, self.step) {
            (Some(bar), _) => bar.set_message(message),
            _ if seen == images => {}
            (None, Some((step, steps))) if self.last_line.elapsed() >= self.plain_every => {
                self.say(&format!("step {step}/{steps}  {message}"));
            }
            (None, None) if self.last_line.elapsed() >= PLAIN_EVERY => self.say(&message),
            (None, _) => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_sends_results_elsewhere_gets_the_lines_there() {
        let of = |errors, results, piped| {
            let Streams { lines_are_results, has_bar } = Streams::of(errors, results, piped);
            (lines_are_results, has_bar)
        };
        assert_eq!(of(true, true, false), (false, true));
        assert_eq!(of(true, false, true), (true, false), "| tee log");
        assert_eq!(of(true, false, false), (true, true), "> log");
        assert_eq!(of(false, false, true), (false, false), "2>&1 | tee log");
        assert_eq!(of(false, true, false), (false, false), "2> log");
    }
}
