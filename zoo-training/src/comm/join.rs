//! How the ranks of a run find each other, and make sure that they are of the same run.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tch::Device;
use zoo_native::comm::{Group, Seat, Store, has_nccl};

use super::watch::Watch;
use super::{Comm, Joined};
use crate::TrainError;
use zoo_host::console::say;
use zoo_host::launch::{Launch, MASTER_PORT};
use zoo_host::words::listed;

/// What carries gradients from rank to rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Memory that ranks of one machine share, for CPUs.
    SharedMemory,
    /// Gloo, over TCP, for CPUs.
    Gloo,
    /// NCCL, for GPUs, one a rank.
    Nccl,
}

impl Backend {
    /// The name in flags and tables.
    pub fn name(self) -> &'static str {
        match self {
            Backend::SharedMemory => "shared-memory",
            Backend::Gloo => "gloo",
            Backend::Nccl => "nccl",
        }
    }
}

/// What must be the same in all ranks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The revision that the program was built from.
    pub revision: String,
    /// The settings by name.
    pub settings: BTreeMap<String, String>,
}

/// How a rank joins.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Which one it is.
    pub launch: Launch,
    /// How long others are waited for, at the start and in every call.
    pub timeout: Duration,
    /// Whether batch norms share their statistics.
    pub synchronize_norms: bool,
    /// Where it computes.
    pub device: Device,
    /// What carries gradients; none for the fastest that all ranks have.
    pub backend: Option<Backend>,
}

/// A rank as it introduces itself.
#[derive(Debug, Serialize, Deserialize)]
struct Card {
    host: String,
    process: u32,
    identity: Identity,
}

/// Time after which it is said who is waited for.
const SILENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(20);

impl Comm {
    /// Meets the other ranks.
    ///
    /// # Errors
    /// Where one does not come in time, or is of another run.
    pub fn join(asked: &Asked, identity: Identity) -> Result<Comm, TrainError> {
        let Asked { launch, timeout, .. } = asked;
        let seat = Seat { rank: launch.rank, size: launch.size };
        check_backend(asked)?;
        let keeps_store = !launch.agent_store && seat.rank == 0;
        let store = connect(launch, keeps_store, *timeout)?;
        let prefix = format!("zoo/{}/", launch.attempt);
        let own = Card { host: host_name(), process: std::process::id(), identity };
        let cards = meet(&store, keeps_store, &prefix, seat, &own, *timeout)?;
        check(seat, &cards)?;
        let names = cards.iter().map(|card| format!("process {} on {}", card.process, card.host)).collect();
        let mut hosts: Vec<&str> = cards.iter().map(|card| card.host.as_str()).collect();
        hosts.sort_unstable();
        hosts.dedup();
        let interface = std::env::var("GLOO_SOCKET_IFNAME").ok().filter(|name| !name.is_empty());
        let address = address(launch);
        let group = |name: &str| {
            let here = (interface.as_deref(), address.as_str());
            let name = format!("{prefix}{name}");
            let group = Group::gloo(&store, &name, seat, here, *timeout)
                .map_err(|error| unreachable(launch, &address, &error))?;
            if asked.device.is_cuda() {
                group.add_nccl(&store, &format!("{name}/nccl"))?;
            }
            Ok::<_, TrainError>(group)
        };
        let norms = match asked.synchronize_norms {
            true => {
                let group = group("norms")?;
                let synchronized = group.synchronize_norms()?;
                Some((group, synchronized))
            }
            false => None,
        };
        let (gradients, words) = (group("gradients")?, group("words")?);
        let beats = connect(launch, false, *timeout)?;
        let (hosts, backend) = (hosts.len(), backend(asked, &gradients)?);
        let watch = Watch::start(store, beats, &prefix, seat, keeps_store, names);
        Ok(Comm { seat, joined: Some(Joined { gradients, words, norms, backend, hosts, watch }) })
    }
}

/// Refuses what does not go with the device, or is not in this build.
fn check_backend(asked: &Asked) -> Result<(), TrainError> {
    let refused = |problem: String| Err(TrainError::Setting(problem));
    match (asked.device, asked.backend) {
        (Device::Cpu, Some(Backend::Nccl)) => refused("--backend nccl is for GPUs: leave it out, or give --device cuda".into()),
        (Device::Cuda(_), Some(backend @ (Backend::Gloo | Backend::SharedMemory))) => {
            refused(format!("--backend {} is for CPUs: on GPUs, ranks use nccl", backend.name()))
        }
        (Device::Cuda(_), _) if !has_nccl() => refused(
            "several ranks on GPUs need NCCL, which this build does not have: build against a libtorch with CUDA, with NCCL's \
             headers in NVIDIA's wheels beside it (./setup.sh --cuda fetches both) or in CUDA_HOME"
                .into(),
        ),
        (Device::Cpu | Device::Cuda(_), _) => Ok(()),
        (device, _) => refused(format!("several ranks cannot compute on {device:?}: give --device cpu, or one rank")),
    }
}

/// What carries gradients. All ranks come to the same.
fn backend(asked: &Asked, group: &Group) -> Result<Backend, TrainError> {
    if asked.device.is_cuda() {
        return Ok(Backend::Nccl);
    }
    let shares = asked.backend != Some(Backend::Gloo) && group.shares_memory()?;
    match asked.backend {
        Some(Backend::SharedMemory) if !shares => Err(TrainError::Setting(
            "--backend shared-memory needs all ranks on one machine, in one container, on Linux 5.3 or newer: leave it out".into(),
        )),
        _ if shares => Ok(Backend::SharedMemory),
        _ => Ok(Backend::Gloo),
    }
}

fn connect(launch: &Launch, is_server: bool, timeout: Duration) -> Result<Store, TrainError> {
    let Launch { rank, size, host, port, .. } = launch;
    Store::connect(host, *port, is_server, timeout).map_err(|error| {
        let problem = if is_server {
            format!("rank 0 cannot open port {port} for the others ({error}): set {MASTER_PORT} to a free one")
        } else {
            format!("rank {rank} of {size} found nobody at {host}:{port} within {} s ({error})", timeout.as_secs())
        };
        TrainError::Meeting(problem)
    })
}

/// What each rank says of itself, once all have come.
fn meet(
    store: &Store,
    keeps_store: bool,
    prefix: &str,
    seat: Seat,
    own: &Card,
    timeout: Duration,
) -> Result<Vec<Card>, TrainError> {
    let key = |rank: usize| format!("{prefix}card/{rank}");
    let text = serde_json::to_vec(own).unwrap_or_default();
    store.set(&key(seat.rank), &text)?;
    let begun = Instant::now();
    let (mut cards, mut is_said) = (Vec::new(), false);
    while cards.len() < seat.size {
        if store.has(&key(cards.len()))? {
            let text = store.get(&key(cards.len()), timeout)?;
            let card = serde_json::from_slice(&text)
                .map_err(|_| TrainError::Meeting(format!("rank {} is not a process of this program", cards.len())))?;
            cards.push(card);
            continue;
        }
        let is_late = begun.elapsed() >= timeout;
        if is_late || (begun.elapsed() >= SILENCE && !is_said && seat.rank == 0) {
            let missing = missing(store, seat, &key)?;
            if is_late {
                let waited = begun.elapsed().as_secs();
                return Err(TrainError::Meeting(format!(
                    "{missing} did not come within {waited} s: start all {} ranks, or give a longer --rank-timeout",
                    seat.size
                )));
            }
            say!("waiting for {missing}");
            is_said = true;
        }
        thread::sleep(LOOK);
    }
    // The one that keeps the store may be about to end: the others must have read it.
    let read = format!("{prefix}read");
    let (mut count, begun) = (store.add(&read, 1)?, Instant::now());
    while keeps_store && count < seat.size as i64 && begun.elapsed() < SILENCE {
        thread::sleep(LOOK);
        count = store.add(&read, 0)?;
    }
    Ok(cards)
}

/// Those who have not come, in words.
fn missing(store: &Store, seat: Seat, key: &dyn Fn(usize) -> String) -> Result<String, TrainError> {
    const SHOWN: usize = 8;
    let mut ranks = Vec::new();
    for rank in 0..seat.size {
        if !store.has(&key(rank))? {
            ranks.push(rank.to_string());
        }
    }
    let word = if ranks.len() == 1 { "rank" } else { "ranks" };
    let more = if ranks.len() > SHOWN { format!(" and {} more", ranks.len() - SHOWN) } else { String::new() };
    ranks.truncate(SHOWN);
    Ok(format!("{word} {}{more} of {}", listed(&ranks, "and"), seat.size))
}

/// Refuses ranks of other runs, in all ranks alike.
fn check(seat: Seat, cards: &[Card]) -> Result<(), TrainError> {
    let Some(first) = cards.first() else { return Ok(()) };
    for (rank, card) in cards.iter().enumerate() {
        let (own, other) = (&first.identity, &card.identity);
        let difference = if own.revision != other.revision {
            Some(format!("revision {} and rank 0 is of {}", other.revision, own.revision))
        } else {
            let keys = own.settings.keys().chain(other.settings.keys());
            let mut differing = keys.filter(|key| own.settings.get(*key) != other.settings.get(*key));
            differing.next().map(|key| {
                let value =
                    |identity: &Identity| identity.settings.get(key).cloned().unwrap_or_else(|| "nothing".into());
                format!("{key} = {} and rank 0 has {}", value(other), value(own))
            })
        };
        if let Some(difference) = difference {
            return Err(TrainError::Meeting(format!(
                "rank {rank} of {} ({}) has {difference}: start all ranks by the same command",
                seat.size, card.host
            )));
        }
    }
    Ok(())
}

/// The address of this machine on the way to the one where the ranks meet: host names are not always known to all.
fn address(launch: &Launch) -> String {
    let on_the_way = || {
        let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
        // Nothing is sent: the system only chooses the interface.
        socket.connect((launch.host.as_str(), launch.port)).ok()?;
        Some(socket.local_addr().ok()?.ip().to_string())
    };
    on_the_way().unwrap_or_else(|| "127.0.0.1".into())
}

fn unreachable(launch: &Launch, address: &str, error: &zoo_native::NativeError) -> TrainError {
    TrainError::Meeting(format!(
        "rank {} of {}, at {address}, cannot reach all others ({error}): they must be able to open TCP connections to each \
         other; GLOO_SOCKET_IFNAME names another network interface",
        launch.rank, launch.size
    ))
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "this machine".into(), |name| name.trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(revision: &str, settings: &[(&str, &str)]) -> Card {
        let settings = settings.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        Card { host: "there".into(), process: 1, identity: Identity { revision: revision.into(), settings } }
    }

    #[test]
    fn ranks_of_other_runs_are_refused_by_what_differs() {
        let seat = Seat { rank: 0, size: 2 };
        let said = |other| check(seat, &[card("a", &[("seed", "1")]), other]).unwrap_err().to_string();
        assert!(check(seat, &[card("a", &[("seed", "1")]), card("a", &[("seed", "1")])]).is_ok());
        assert!(said(card("b", &[("seed", "1")])).contains("rank 1 of 2 (there) has revision b and rank 0 is of a"));
        assert!(said(card("a", &[("seed", "2")])).contains("has seed = 2 and rank 0 has 1"));
        assert!(said(card("a", &[])).contains("has seed = nothing and rank 0 has 1"));
    }
}
