//! How many images a command has seen: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use zoo_host::console::say;

/// Time until the first line.
const FIRST: Duration = Duration::from_secs(1);
/// Time between lines.
const EVERY: Duration = Duration::from_secs(30);

/// Tells on standard error; the bar goes away with it.
pub struct Seen {
    what: &'static str,
    total: usize,
    bar: Option<ProgressBar>,
    last: Instant,
    pause: Duration,
}

impl Seen {
    /// Begins with none of `total` images.
    pub fn new(total: usize) -> Seen {
        Seen::of("images", total)
    }

    /// The same of something else, by its plural.
    pub fn of(what: &'static str, total: usize) -> Seen {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
            // The plain bar is good enough should the template not parse.
            if let Ok(style) =
                ProgressStyle::with_template(&format!("{{wide_bar}} {{pos}}/{{len}} {what}, {{eta}} left"))
            {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(500));
            bar
        });
        Seen { what, total, bar, last: Instant::now(), pause: FIRST }
    }

    /// So many are seen.
    pub fn at(&mut self, seen: usize) {
        match &self.bar {
            Some(bar) => bar.set_position(seen as u64),
            None if self.last.elapsed() >= self.pause => {
                say!("{seen} of {} {}", self.total, self.what);
                (self.last, self.pause) = (Instant::now(), EVERY);
            }
            None => {}
        }
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
