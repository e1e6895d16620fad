//! The process of a cell: its time is limited, its words are kept, and its end is told.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use zoo_host::exit;
use zoo_host::process::{SWEEP, ask_to_end, kills_for_memory, this_sweep};
use zoo_results::command::{OF_SWEEP, of_process};

use super::launcher::OF_GROUP;

/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Time to save in, after which a process that was asked to end is ended.
const GRACE: Duration = Duration::from_secs(60);
/// Time by which the signals of a scheduler, which go to all processes of a job, reach one later than another.
const LAG: Duration = Duration::from_millis(500);
/// Lines kept of what it said last.
const LAST_LINES: usize = 50;

/// Why a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// By itself, or by somebody else.
    Itself,
    /// Its time was up.
    Timeout,
    /// The sweep was asked to stop.
    Stopped,
}

/// How a process ended, and what it said.
#[derive(Clone, Debug)]
pub struct Ending {
    /// Its exit status.
    pub status: ExitStatus,
    /// Why.
    pub cause: Cause,
    /// Standard output.
    pub output: String,
    /// The last lines of standard error.
    pub said: Vec<String>,
    /// Wall time.
    pub seconds: f64,
    /// Whether the system ended a process for lack of memory meanwhile; none where it does not tell.
    pub memory_kill: Option<bool>,
}

/// Runs `command` to its end; what it says is copied to `log`, and told line by line to `each`, which hears nothing (`None`)
/// where there is nothing new.
///
/// # Errors
/// Where the process cannot be started, or the file not be written.
pub fn run(
    mut command: Command,
    mut log: File,
    timeout: Option<Duration>,
    stop: &AtomicBool,
    each: &mut dyn FnMut(Option<&str>),
) -> io::Result<Ending> {
    own_group(&mut command);
    writeln!(log, "{command:?}")?;
    let (begun, kills) = (Instant::now(), kills_for_memory());
    // A cell is a process by itself, whatever group its sweep was started in.
    for variable in OF_GROUP {
        command.env_remove(variable);
    }
    command.env(SWEEP, this_sweep()).env(OF_SWEEP, of_process()).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let lines = lines(&mut child);
    let output = output(&mut child);
    let mut watch = Watch { begun, timeout, cause: Cause::Itself, asked: None };
    let followed = follow(&mut child, &lines, &mut watch, stop, &mut |line| {
        line.map_or(Ok(()), |line| writeln!(log, "{line}"))?;
        each(line);
        Ok(())
    });
    let said = match followed {
        Ok(said) => said,
        Err(error) => {
            // Nobody would hear of a process that is left behind.
            while child.try_wait()?.is_none() {
                watch.look(&mut child, &AtomicBool::new(true))?;
                thread::sleep(LOOK);
            }
            return Err(error);
        }
    };
    let status = child.wait()?;
    let output = output.join().unwrap_or_default();
    log.write_all(output.as_bytes())?;
    // Whoever asks the sweep to end may have asked its processes, too.
    if watch.cause == Cause::Itself && !status.success() && is_stopped(status, stop) {
        watch.cause = Cause::Stopped;
    }
    let memory_kill = kills.zip(kills_for_memory()).map(|(before, after)| after > before);
    Ok(Ending { status, cause: watch.cause, output, said, seconds: begun.elapsed().as_secs_f64(), memory_kill })
}

/// Whether the sweep is to stop: that may be known a little later than its process has ended by the same signal.
fn is_stopped(status: ExitStatus, stop: &AtomicBool) -> bool {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    let was_asked = matches!(code, Some(exit::AGAIN | exit::INTERRUPTED));
    let ended = Instant::now();
    while was_asked && !stop.load(Ordering::Relaxed) && ended.elapsed() < LAG {
        thread::sleep(Duration::from_millis(20));
    }
    stop.load(Ordering::Relaxed)
}

/// Tells what the process says until it ends, and returns the last of it.
fn follow(
    child: &mut Child,
    lines: &Receiver<String>,
    watch: &mut Watch,
    stop: &AtomicBool,
    each: &mut dyn FnMut(Option<&str>) -> io::Result<()>,
) -> io::Result<Vec<String>> {
    let mut said: Vec<String> = Vec::new();
    loop {
        match lines.recv_timeout(LOOK) {
            Ok(line) => {
                each(Some(&line))?;
                said.push(line);
                said.drain(..said.len().saturating_sub(LAST_LINES));
            }
            Err(RecvTimeoutError::Timeout) => each(None)?,
            Err(RecvTimeoutError::Disconnected) if child.try_wait()?.is_some() => return Ok(said),
            Err(RecvTimeoutError::Disconnected) => thread::sleep(LOOK),
        }
        watch.look(child, stop)?;
    }
}

/// Ends a process that has to.
struct Watch {
    begun: Instant,
    timeout: Option<Duration>,
    cause: Cause,
    asked: Option<Instant>,
}

impl Watch {
    fn look(&mut self, child: &mut Child, stop: &AtomicBool) -> io::Result<()> {
        match self.asked {
            Some(asked) if asked.elapsed() >= GRACE => return child.kill(),
            Some(_) => return Ok(()),
            None if stop.load(Ordering::Relaxed) => self.cause = Cause::Stopped,
            None if self.timeout.is_some_and(|timeout| self.begun.elapsed() >= timeout) => self.cause = Cause::Timeout,
            None => return Ok(()),
        }
        self.asked = Some(Instant::now());
        ask_to_end(child.id());
        Ok(())
    }
}

/// A Ctrl-C in the terminal goes to the sweep alone, which then asks the process to end: once, as a second one would not
/// let it save.
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

fn lines(child: &mut Child) -> Receiver<String> {
    let (sender, receiver) = channel();
    if let Some(stderr) = child.stderr.take() {
        thread::spawn(move || {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                if sender.send(String::from_utf8_lossy(&line).trim_end().to_string()).is_err() {
                    break;
                }
            }
        });
    }
    receiver
}

fn output(child: &mut Child) -> thread::JoinHandle<String> {
    let stdout = child.stdout.take();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read until then is all there is.
        let _ = stdout.map(|mut stdout| stdout.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn shell(script: &str, timeout: Option<Duration>, stop: bool) -> (Ending, String) {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let ending = run(command, File::create(&log).unwrap(), timeout, &AtomicBool::new(stop), &mut |_| {}).unwrap();
        (ending, std::fs::read_to_string(log).unwrap())
    }

    #[test]
    fn words_and_exit_code_are_told() {
        let (ending, log) = shell("echo out; echo one >&2; echo two >&2; exit 3", None, false);
        assert_eq!((ending.status.code(), ending.cause), (Some(3), Cause::Itself));
        assert_eq!((ending.output.as_str(), ending.said), ("out\n", vec!["one".to_string(), "two".into()]));
        assert!(log.contains("one\ntwo\nout\n"), "{log}");
    }

    #[test]
    fn a_crash_is_told_by_its_signal() {
        assert_eq!(shell("kill -SEGV $$", None, false).0.status.signal(), Some(libc::SIGSEGV));
    }

    #[test]
    fn a_process_is_not_left_behind_where_its_words_cannot_be_kept() {
        let folder = tempfile::tempdir().unwrap();
        let ended = folder.path().join("ended");
        let (reader, writer) = io::pipe().unwrap();
        let log = File::from(std::os::fd::OwnedFd::from(writer));
        // Takes the command and no more.
        let first = thread::spawn(move || BufReader::with_capacity(1, reader).lines().next());
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap 'touch \"$0\"; exit 130' TERM; sleep 0.5; echo late >&2; while :; do sleep 0.05; done"]);
        command.arg(&ended);
        let error = run(command, log, None, &AtomicBool::new(false), &mut |_| {}).unwrap_err();
        assert!(first.join().unwrap().is_some());
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert!(ended.exists());
    }

    #[test]
    fn time_that_is_up_and_a_stop_end_it_politely() {
        // As a shell starts it in the background, where Ctrl-C is ignored.
        let script = "trap '' INT; trap 'echo saved; exit 130' TERM; while :; do sleep 0.05; done";
        let (ending, _) = shell(script, Some(Duration::from_millis(300)), false);
        assert_eq!(
            (ending.cause, ending.status.code(), ending.output.as_str()),
            (Cause::Timeout, Some(130), "saved\n")
        );
        let (ending, _) = shell("sleep 0.3; trap 'exit 130' TERM; sleep 20", None, true);
        assert_eq!(ending.cause, Cause::Stopped);
    }
}
