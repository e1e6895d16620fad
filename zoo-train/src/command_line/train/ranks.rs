//! Several processes of one run: `--ranks` starts them, and each joins the others.

use std::collections::BTreeMap;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, bail};
use tch::Device;

use super::{FREE, TrainArgs};
use crate::command_line::Outcome;
use crate::command_line::ending::Permanent;
use crate::command_line::usage::misused;
use crate::command_line::waiting::with_errors_alone;
use zoo_host::console::{self, say};
use zoo_host::launch::Launch;
use zoo_host::process::{ask_to_end, end_with_parent, signal_name};
use zoo_host::{exit, interrupt};
use zoo_native::comm::Store;
use zoo_settings::Settings;
use zoo_training::comm::{Asked, Backend, Comm, Identity};

/// Time that the other processes have to end by themselves once one has failed; each says by then which one it was.
const GRACE: Duration = Duration::from_secs(20);
/// How often processes are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// What the launcher says of this process. Its words are then told from those of the others.
pub fn detect(args: &TrainArgs) -> Result<Option<Launch>, Error> {
    let launch = Launch::detect()?;
    let Some(Launch { rank, size, .. }) = launch else { return Ok(None) };
    console::speak_as(rank, size);
    if let Some(ranks) = args.ranks.filter(|ranks| usize::from(*ranks) != size) {
        misused!("--ranks {ranks} does not go with the launcher, which has started {size} processes: leave it out");
    }
    if args.estimate || args.profile_steps.is_some() {
        misused!("--estimate and --profile-steps are for one process: start it without the launcher");
    }
    Ok(launch)
}

/// The threads of each process where none are given: those of its machine are shared.
pub fn threads(launch: &Launch) -> i32 {
    let given = std::env::var("OMP_NUM_THREADS").ok().and_then(|text| text.parse().ok());
    let all = thread::available_parallelism().map_or(1, usize::from);
    given.unwrap_or_else(|| i32::try_from(all / launch.local_size.max(1)).unwrap_or(1).max(1))
}

/// The name of the device of each process, where all are given `name`: each has a GPU of its own.
pub fn device_name(launch: Option<&Launch>, name: &str) -> Result<String, Error> {
    let Some(Launch { rank, size, local_rank, .. }) = launch else { return Ok(name.into()) };
    if name.starts_with("cuda:") {
        misused!("--device {name} is one GPU, and each rank needs its own: give --device cuda");
    }
    if name != "cuda" {
        return Ok(name.into());
    }
    let count = usize::try_from(tch::Cuda::device_count()).unwrap_or(0);
    if count > 0 && *local_rank >= count {
        let gpus = if count == 1 { "one GPU".into() } else { format!("{count} GPUs") };
        misused!(
            "rank {rank} of {size} has no GPU: its machine has {gpus}, and each rank needs its own; start as many ranks as GPUs"
        );
    }
    Ok(format!("cuda:{local_rank}"))
}

/// Meets the other processes of the run.
pub fn join(launch: Option<&Launch>, args: &TrainArgs, settings: &Settings, device: Device) -> Result<Rc<Comm>, Error> {
    let Some(launch) = launch else { return Ok(Rc::new(Comm::alone())) };
    let asked = Asked {
        launch: launch.clone(),
        timeout: args.rank_timeout,
        synchronize_norms: settings.network.sync_batch_norm,
        device,
        backend: args.backend.backend(),
    };
    let mut settings: BTreeMap<String, String> =
        settings.to_flat().into_iter().map(|(key, value)| (key, value.to_string())).collect();
    settings.retain(|key, _| !FREE.contains(&key.as_str()));
    settings.insert("backend".into(), args.backend.backend().map_or("auto", Backend::name).into());
    let identity = Identity { revision: env!("ZOO_REVISION").into(), settings };
    Ok(Rc::new(Comm::join(&asked, identity)?))
}

/// Starts `count` processes by the same command, and waits for them. The store that they meet at is kept here, so that none of
/// them takes it along when it ends.
pub fn start(count: u16) -> Result<Outcome, Error> {
    let stop = interrupt::listen().context("cannot listen for Ctrl-C")?;
    let _saving = interrupt::saves("the processes of the run end their step, then rank 0 saves");
    let store = Store::connect("127.0.0.1", 0, true, Duration::from_secs(30))?;
    let port = store.port();
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    let mut ranks = Vec::new();
    for rank in 0..usize::from(count) {
        let mut command = Command::new(&program);
        command.args(std::env::args_os().skip(1)).envs(Launch::variables(rank, count.into(), port));
        // Ctrl-C at a terminal reaches this process alone, which asks each of them once: a second time would end it at once.
        command.process_group(0);
        with_errors_alone(&mut command);
        end_with_parent(&mut command);
        ranks.push(Rank { child: command.spawn().context("cannot start a process")?, ended: None });
    }
    wait(&mut ranks, stop)
}

struct Rank {
    child: Child,
    ended: Option<ExitStatus>,
}

fn wait(ranks: &mut [Rank], stop: &AtomicBool) -> Result<Outcome, Error> {
    let (mut failed, mut asked): (Option<(usize, Instant)>, bool) = (None, false);
    while ranks.iter().any(|rank| rank.ended.is_none()) {
        if stop.load(Ordering::Relaxed) && !asked {
            asked = true;
            ranks.iter().filter(|rank| rank.ended.is_none()).for_each(|rank| ask_to_end(rank.child.id()));
        }
        for (number, rank) in ranks.iter_mut().enumerate().filter(|(_, rank)| rank.ended.is_none()) {
            rank.ended = rank.child.try_wait().context("cannot wait for a process")?;
            let Some(ended) = rank.ended.filter(|ended| !ended.success()) else { continue };
            if failed.is_none() {
                failed = Some((number, Instant::now()));
            }
            if let Some(signal) = ended.signal() {
                say!("error: rank {number} was ended by {}", signal_name(signal));
            }
        }
        if failed.is_some_and(|(_, since)| since.elapsed() > GRACE) {
            for rank in ranks.iter_mut().filter(|rank| rank.ended.is_none()) {
                // It may have ended meanwhile.
                let _ = rank.child.kill();
            }
        }
        thread::sleep(LOOK);
    }
    let Some((number, _)) = failed else { return Ok(Outcome::Done) };
    let code = ranks[number].ended.and_then(|ended| ended.code()).and_then(|code| u8::try_from(code).ok());
    if code.is_some_and(|code| asked || [exit::INTERRUPTED, exit::AGAIN].contains(&code)) {
        return Ok(Outcome::Interrupted);
    }
    let said = format!("rank {number} of {} failed, and the run with it", ranks.len());
    match code {
        Some(exit::PERMANENT) => Err(Permanent(said).into()),
        Some(exit::WRONG_USAGE) => misused!("{said}"),
        _ => bail!("{said}"),
    }
}
