//! What `latency` and `throughput` show while they measure, and how they are stopped with what they have.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use zoo_host::console::{self, say};
use zoo_host::interrupt;
use zoo_measure::protocol::ROUNDS;

/// Time between plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(2);
/// How often it is looked whether to stop.
const LOOK: Duration = Duration::from_millis(50);

/// A bar on a terminal, and plain lines elsewhere. It draws between rounds alone, and has no thread of its own: one would
/// take time from what is measured.
#[derive(Debug)]
pub struct Display {
    names: Vec<String>,
    rounds: Vec<usize>,
    bar: Option<ProgressBar>,
    said: Option<Instant>,
}

impl Display {
    /// For cells of these names.
    pub fn new(names: Vec<String>) -> Display {
        let bar = std::io::stderr().is_terminal().then(|| ProgressBar::new((names.len() * ROUNDS) as u64));
        if let (Some(bar), Ok(style)) =
            (&bar, ProgressStyle::with_template("{wide_bar:.green/dim} {percent:>3} %  {msg}"))
        {
            bar.set_style(style.progress_chars("━━╌"));
        }
        Display { rounds: vec![0; names.len()], names, bar, said: None }
    }

    /// Cell `cell` is `doing` something.
    pub fn show(&mut self, cell: usize, doing: &str) {
        let (done, all) = (self.done(), self.names.len() * ROUNDS);
        let what = format!("{doing} {}", self.names[cell]);
        match &self.bar {
            Some(bar) => {
                bar.set_message(what);
                bar.set_position(done as u64);
            }
            None if self.said.is_some_and(|said| said.elapsed() < PLAIN_EVERY) => {}
            None => {
                // As runs tell their steps, which a sweep understands.
                say!("step {done}/{all}  {what}");
                self.said = Some(Instant::now());
            }
        }
    }

    /// A round of cell `cell` is over.
    pub fn round(&mut self, cell: usize) {
        self.rounds[cell] += 1;
        self.show(cell, &format!("round {} of", self.rounds[cell]));
    }

    /// All that is to be done of cell `cell` is.
    pub fn end(&mut self, cell: usize) {
        self.rounds[cell] = ROUNDS;
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }

    /// Rounds, those that are made up for others aside.
    fn done(&self) -> usize {
        self.rounds.iter().map(|rounds| rounds.min(&ROUNDS)).sum()
    }
}

/// Has `finish` keep what there is when the process is asked to stop, and ends it: at once, whatever libtorch is doing. To be
/// called before processors are taken, which its thread is to leave alone.
///
/// # Errors
/// Where the system does not let us listen.
pub fn stop_with(finish: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let saving = interrupt::saves("what was measured so far is kept");
    let stop: &'static AtomicBool = interrupt::listen()?;
    thread::spawn(move || {
        let _saving = saving;
        while !stop.load(Ordering::SeqCst) {
            thread::sleep(LOOK);
        }
        finish();
        console::lost();
        interrupt::end(interrupt::code());
    });
    Ok(())
}
