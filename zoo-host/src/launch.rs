//! Which process of a run this one is, as its launcher says in variables: `--ranks` and torchrun by PyTorch's own, srun by
//! Slurm's.
//!
//! Owns the variables and their meaning. Not here: how the processes find each other, which is the run's affair.

/// Number of this process in the run, from 0.
pub const RANK: &str = "RANK";
/// How many processes the run has.
pub const WORLD_SIZE: &str = "WORLD_SIZE";
/// Number of this process on its machine.
pub const LOCAL_RANK: &str = "LOCAL_RANK";
/// How many processes the run has on this machine.
pub const LOCAL_WORLD_SIZE: &str = "LOCAL_WORLD_SIZE";
/// The machine where the processes meet.
pub const MASTER_ADDR: &str = "MASTER_ADDR";
/// The port there.
pub const MASTER_PORT: &str = "MASTER_PORT";
/// `True` where the launcher keeps the store, so that rank 0 must not.
pub const AGENT_STORE: &str = "TORCHELASTIC_USE_AGENT_STORE";
/// How often torchrun has started the processes anew; its store keeps the keys of earlier attempts.
pub const RESTARTS: &str = "TORCHELASTIC_RESTART_COUNT";

const STEP_TASKS: &str = "SLURM_STEP_NUM_TASKS";
const TASK: &str = "SLURM_PROCID";

/// Ports that Slurm's steps meet at, where none is named: from this one on, by the number of the job and of the step.
const FIRST_PORT: u64 = 20_000;
const PORTS: u64 = 10_000;

/// One process among several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Its number, from 0.
    pub rank: usize,
    /// How many there are.
    pub size: usize,
    /// Its number on this machine.
    pub local_rank: usize,
    /// How many there are on this machine.
    pub local_size: usize,
    /// The machine where they meet.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// Whether the launcher keeps the store; else rank 0 does.
    pub agent_store: bool,
    /// What distinguishes this attempt from earlier ones with the same store.
    pub attempt: String,
}

/// Variables that do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LaunchError(String);

impl Launch {
    /// What the launcher says of this process; none where it is the only one.
    ///
    /// # Errors
    /// Where a variable is missing, or is no such number.
    pub fn detect() -> Result<Option<Launch>, LaunchError> {
        Launch::of(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Launch>, LaunchError> {
        let variables = Variables(&variable);
        if variable(RANK).is_some() || variable(WORLD_SIZE).is_some() {
            return variables.of_pytorch();
        }
        // In a batch script, too, there is a SLURM_PROCID; only in a step do tasks run beside each other.
        if variable(STEP_TASKS).is_some() { variables.of_slurm() } else { Ok(None) }
    }

    /// The variables for process `rank` of `size` on this machine, with a store that the launcher keeps at `port`.
    pub fn variables(rank: usize, size: usize, port: u16) -> Vec<(&'static str, String)> {
        vec![
            (RANK, rank.to_string()),
            (WORLD_SIZE, size.to_string()),
            (LOCAL_RANK, rank.to_string()),
            (LOCAL_WORLD_SIZE, size.to_string()),
            (MASTER_ADDR, "127.0.0.1".into()),
            (MASTER_PORT, port.to_string()),
            (AGENT_STORE, "True".into()),
        ]
    }
}

struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    fn of_pytorch(&self) -> Result<Option<Launch>, LaunchError> {
        let (rank, size) = (self.needed(RANK, WORLD_SIZE)?, self.needed(WORLD_SIZE, RANK)?);
        if size <= 1 {
            return Ok(None);
        }
        let port = self.needed(MASTER_PORT, RANK)?;
        let host = (self.0)(MASTER_ADDR).ok_or_else(|| missing(MASTER_ADDR, RANK))?;
        Launch {
            rank,
            size,
            local_rank: self.number(LOCAL_RANK)?.unwrap_or(rank),
            local_size: self.number(LOCAL_WORLD_SIZE)?.unwrap_or(size),
            host,
            port: u16::try_from(port).map_err(|_| LaunchError(format!("{MASTER_PORT}={port} is not a port")))?,
            agent_store: (self.0)(AGENT_STORE).is_some_and(|value| value.eq_ignore_ascii_case("true")),
            attempt: (self.0)(RESTARTS).unwrap_or_default(),
        }
        .checked()
        .map(Some)
    }

    fn of_slurm(&self) -> Result<Option<Launch>, LaunchError> {
        let (size, rank) = (self.needed(STEP_TASKS, TASK)?, self.needed(TASK, STEP_TASKS)?);
        if size <= 1 {
            return Ok(None);
        }
        let nodes = (self.0)("SLURM_STEP_NODELIST").or_else(|| (self.0)("SLURM_JOB_NODELIST")).unwrap_or_default();
        let is_one = self.number("SLURM_STEP_NUM_NODES")?.is_some_and(|nodes| nodes == 1);
        let (job, step) = (self.number("SLURM_JOB_ID")?.unwrap_or(0), self.number("SLURM_STEP_ID")?.unwrap_or(0));
        let usual = FIRST_PORT + (job as u64 * 31 + step as u64) % PORTS;
        let port = self.number(MASTER_PORT)?.unwrap_or(usual as usize);
        let host = match (self.0)(MASTER_ADDR) {
            Some(host) => host,
            None if is_one => "127.0.0.1".into(),
            None => first_of(&nodes).ok_or_else(|| missing(MASTER_ADDR, STEP_TASKS))?,
        };
        // `2(x3),1`: two tasks on each of three machines, then one on the last.
        let local_size = (self.0)("SLURM_STEP_TASKS_PER_NODE").and_then(|list| {
            let node = (self.0)("SLURM_NODEID").and_then(|text| text.parse().ok()).unwrap_or(0);
            counts(&list).nth(node)
        });
        Launch {
            rank,
            size,
            local_rank: self.number("SLURM_LOCALID")?.unwrap_or(rank),
            local_size: local_size.unwrap_or(size),
            host,
            port: u16::try_from(port).map_err(|_| LaunchError(format!("{MASTER_PORT}={port} is not a port")))?,
            agent_store: false,
            attempt: String::new(),
        }
        .checked()
        .map(Some)
    }

    fn number(&self, name: &str) -> Result<Option<usize>, LaunchError> {
        let Some(text) = (self.0)(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| LaunchError(format!("{name}={text} in the environment is not a number")))
    }

    fn needed(&self, name: &str, other: &str) -> Result<usize, LaunchError> {
        self.number(name)?.ok_or_else(|| missing(name, other))
    }
}

impl Launch {
    fn checked(self) -> Result<Launch, LaunchError> {
        let Launch { rank, size, .. } = self;
        if rank >= size {
            return Err(LaunchError(format!("this process is rank {rank} of {size}: ranks count from 0")));
        }
        Ok(self)
    }
}

fn missing(name: &str, other: &str) -> LaunchError {
    LaunchError(format!(
        "{other} is set in the environment and {name} is not: start the processes with torchrun, srun or --ranks, or unset \
         {other}"
    ))
}

/// The first machine of a list of Slurm's: `node07` of `node[07-09,12],other`.
fn first_of(list: &str) -> Option<String> {
    let end = list.find([',', '[']).unwrap_or(list.len());
    let (name, rest) = list.split_at(end);
    let number = match rest.strip_prefix('[') {
        Some(numbers) => numbers.split([',', '-', ']']).next().unwrap_or_default(),
        None => "",
    };
    Some(format!("{name}{number}")).filter(|name| !name.is_empty())
}

fn counts(list: &str) -> impl Iterator<Item = usize> {
    let each = |part: &str| {
        let (count, times) = part.split_once("(x").unwrap_or((part, "1)"));
        let times = times.trim_end_matches(')').parse().unwrap_or(1);
        std::iter::repeat_n(count.parse().unwrap_or(1), times)
    };
    list.split(',').flat_map(each).collect::<Vec<usize>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<Option<Launch>, LaunchError> {
        Launch::of(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_string()))
    }

    #[test]
    fn a_process_alone_is_no_launch() {
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[("RANK", "0"), ("WORLD_SIZE", "1")]), Ok(None));
        // A batch script of Slurm's.
        assert_eq!(of(&[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "4")]), Ok(None));
    }

    #[test]
    fn torchrun_says_all_that_is_needed() {
        let torchrun = [
            ("RANK", "3"),
            ("WORLD_SIZE", "4"),
            ("LOCAL_RANK", "1"),
            ("LOCAL_WORLD_SIZE", "2"),
            ("MASTER_ADDR", "node1"),
            ("MASTER_PORT", "29500"),
            ("TORCHELASTIC_USE_AGENT_STORE", "True"),
            ("TORCHELASTIC_RESTART_COUNT", "2"),
        ];
        let found = of(&torchrun).unwrap().unwrap();
        assert_eq!((found.rank, found.size, found.local_rank, found.local_size), (3, 4, 1, 2));
        assert_eq!((found.host.as_str(), found.port, found.agent_store), ("node1", 29500, true));
        assert_eq!(found.attempt, "2");
        let said = |pairs: &[(&str, &str)]| of(pairs).unwrap_err().to_string();
        assert!(said(&torchrun[..1]).starts_with("RANK is set in the environment and WORLD_SIZE is not"));
        assert!(
            said(&[("RANK", "4"), ("WORLD_SIZE", "4"), ("MASTER_PORT", "1"), ("MASTER_ADDR", "a")]).contains("rank 4")
        );
        assert!(said(&[("RANK", "x"), ("WORLD_SIZE", "4")]).contains("RANK=x in the environment is not a number"));
    }

    #[test]
    fn what_is_started_here_is_understood_here() {
        let variables = Launch::variables(1, 2, 1234);
        let pairs: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let found = of(&pairs).unwrap().unwrap();
        assert_eq!((found.rank, found.size, found.local_size, found.port, found.agent_store), (1, 2, 2, 1234, true));
    }

    #[test]
    fn tasks_of_a_step_of_slurm_meet_at_its_first_machine() {
        let step = [
            ("SLURM_PROCID", "2"),
            ("SLURM_STEP_NUM_TASKS", "5"),
            ("SLURM_STEP_NUM_NODES", "3"),
            ("SLURM_STEP_NODELIST", "gpu[07-09]"),
            ("SLURM_STEP_TASKS_PER_NODE", "2(x2),1"),
            ("SLURM_NODEID", "1"),
            ("SLURM_LOCALID", "0"),
            ("SLURM_JOB_ID", "17"),
            ("SLURM_STEP_ID", "1"),
        ];
        let found = of(&step).unwrap().unwrap();
        assert_eq!((found.rank, found.size, found.local_rank, found.local_size), (2, 5, 0, 2));
        assert_eq!((found.host.as_str(), found.port), ("gpu07", 20_528));
        for (list, first) in [("a,b", "a"), ("n[3,5-9]", "n3"), ("alone", "alone"), ("x-[1-2],y", "x-1")] {
            assert_eq!(first_of(list).as_deref(), Some(first));
        }
        assert_eq!(counts("2(x2),1").collect::<Vec<_>>(), [2, 2, 1]);
    }
}
