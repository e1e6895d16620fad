//! How far a download is: a bar on a terminal; elsewhere a line per tenth, with seconds between two of them; nothing when
//! asked to be quiet.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use zoo_host::console::say;

/// Between two lines in a log.
const PAUSE: Duration = Duration::from_secs(5);

/// Reports the progress of one download to stderr.
pub(crate) struct Progress {
    what: String,
    form: Form,
}

enum Form {
    Quiet,
    Bar(ProgressBar),
    /// Tenths that have been reported, and when.
    Lines(u64, Instant),
}

impl Progress {
    /// Begins to report on `what`.
    pub fn new(what: &str, quiet: bool) -> Progress {
        let form = match (quiet, stderr().is_terminal()) {
            (true, _) => Form::Quiet,
            (false, true) => Form::Bar(bar(what)),
            (false, false) => Form::Lines(0, Instant::now()),
        };
        Progress { what: what.to_string(), form }
    }

    /// `done` bytes of `total` are there; the total may be unknown.
    pub fn at(&mut self, done: u64, total: Option<u64>) {
        match &mut self.form {
            Form::Quiet => {}
            Form::Bar(bar) => {
                bar.set_length(total.unwrap_or(done));
                bar.set_position(done);
            }
            Form::Lines(reported, last) => {
                let Some(total) = total.filter(|total| *total > 0) else {
                    return;
                };
                let tenths = done.saturating_mul(10) / total;
                if tenths > *reported && last.elapsed() >= PAUSE {
                    (*reported, *last) = (tenths, Instant::now());
                    say!("{}: {} of {}", self.what, HumanBytes(done), HumanBytes(total));
                }
            }
        }
    }

    /// Says something between two steps, such as why there is a pause.
    pub fn say(&self, line: &str) {
        match &self.form {
            Form::Quiet => {}
            Form::Bar(bar) => bar.suspend(|| say!("{line}")),
            Form::Lines(..) => say!("{line}"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Form::Bar(bar) = &self.form {
            bar.finish_and_clear();
        }
    }
}

fn bar(what: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    // A template that does not parse would be a slip of ours; the plain bar is good enough then.
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}") {
        bar.set_style(style);
    }
    bar.set_message(what.to_string());
    bar
}
