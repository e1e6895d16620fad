//! What a sweep shows: on a terminal a bar for the sweep and one for its cell, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Cell;
use zoo_host::console::say;
use zoo_training::progress::{Verbosity, time};

/// Time between plain lines about the steps of a run.
const PLAIN_EVERY: Duration = Duration::from_secs(30);
/// Length of the bar of a cell.
const WHOLE: u64 = 1000;

/// The display of a sweep.
#[derive(Debug)]
pub struct Progress {
    verbosity: Verbosity,
    bars: Option<Bars>,
    expected: Option<f64>,
    begun: Instant,
    last_step: Option<Instant>,
}

#[derive(Debug)]
struct Bars {
    all: MultiProgress,
    sweep: ProgressBar,
    cell: ProgressBar,
}

impl Progress {
    /// A display for `cells` cells that are to be done.
    pub fn new(verbosity: Verbosity, cells: usize) -> Progress {
        let on_terminal = verbosity == Verbosity::Normal && std::io::stderr().is_terminal();
        let bars = on_terminal.then(|| Bars::new(cells as u64));
        Progress { verbosity, bars, expected: None, begun: Instant::now(), last_step: None }
    }

    /// Another number of cells, once it is known.
    pub fn set_cells(&self, cells: usize) {
        if let Some(bars) = &self.bars {
            bars.sweep.set_length(cells as u64);
        }
    }

    /// A line that stays.
    pub fn say(&self, line: &str) {
        match &self.bars {
            _ if self.verbosity == Verbosity::Quiet => {}
            Some(bars) => bars.all.suspend(|| say!("{line}")),
            None => say!("{line}"),
        }
    }

    /// A cell begins, which takes about so many seconds.
    pub fn begin(&mut self, cell: &Cell, expected: Option<f64>) {
        (self.begun, self.expected, self.last_step) = (Instant::now(), expected, None);
        if let Some(bars) = &self.bars {
            bars.cell.reset();
            bars.cell.set_message(cell.to_string());
        }
    }

    /// What its process says, or nothing.
    pub fn hear(&mut self, line: Option<&str>) {
        let steps = line.and_then(steps);
        if let Some(bars) = &self.bars {
            let by_time = self.expected.map(|expected| self.begun.elapsed().as_secs_f64() / expected.max(1.0));
            if let Some(share) = steps.or(by_time.filter(|_| self.last_step.is_none())) {
                bars.cell.set_position((WHOLE as f64 * share.min(1.0)) as u64);
            }
        }
        let Some(line) = line else { return };
        let recent = self.last_step.is_some_and(|last| last.elapsed() < PLAIN_EVERY);
        let matters = line.starts_with("warning: ") || line.starts_with("note: ");
        if matters || (self.bars.is_none() && (steps.is_none() || !recent)) {
            self.say(&format!("  {line}"));
        }
        if steps.is_some() && (self.bars.is_some() || !recent) {
            self.last_step = Some(Instant::now());
        }
    }

    /// A cell has ended; so many seconds are left for the others.
    pub fn end(&self, left: f64) {
        if let Some(bars) = &self.bars {
            bars.sweep.inc(1);
            bars.sweep.set_message(format!("about {} left", time(left)));
        }
    }

    /// Takes the bars away.
    pub fn finish(&self) {
        if let Some(bars) = &self.bars {
            bars.cell.finish_and_clear();
            bars.sweep.finish_and_clear();
        }
    }
}

impl Bars {
    fn new(cells: u64) -> Bars {
        let all = MultiProgress::new();
        let bar = |length: u64, template: &str| {
            let bar = all.add(ProgressBar::new(length));
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("━━╌"));
            }
            bar
        };
        let cell = bar(WHOLE, "{wide_bar:.green/dim} {percent:>3} %  {msg}");
        let sweep = bar(cells, "{wide_bar:.cyan/dim} {pos}/{len}  {msg}");
        Bars { all, sweep, cell }
    }
}

/// The share of its steps that a line of a run tells: `step 120/3900  loss ...`.
fn steps(line: &str) -> Option<f64> {
    let (done, all) = line.strip_prefix("step ")?.split_whitespace().next()?.split_once('/')?;
    Some(done.parse::<f64>().ok()? / all.parse::<f64>().ok()?.max(1.0))
}

#[cfg(test)]
mod tests {
    use super::steps;

    #[test]
    fn a_run_tells_its_share() {
        assert_eq!(steps("step 30/120  loss 2.1"), Some(0.25));
        assert_eq!(steps("epoch   1.00  loss 2.1"), None);
    }
}
