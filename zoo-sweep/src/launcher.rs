//! Which part of a grid a scheduler or a launcher has given this process, by the variables that it sets.
//!
//! Two levels: the task of an array, which is a job of its own, and the process in a group of processes that were started
//! together. Where both are there, each task's part is split among its processes.

use super::{Shard, SweepError};

/// The number of parts, for schedulers that do not tell it, and for a task of an array that is submitted again alone. The
/// files that `--emit` writes set it.
pub const PARTS: &str = "ZOO_SHARDS";

/// Variables that say which process of a group one is. The processes of cells do without them: they would wait for others.
pub const OF_GROUP: [&str; 22] = [
    "RANK",
    "LOCAL_RANK",
    "GROUP_RANK",
    "ROLE_RANK",
    "WORLD_SIZE",
    "LOCAL_WORLD_SIZE",
    "GROUP_WORLD_SIZE",
    "ROLE_WORLD_SIZE",
    "MASTER_ADDR",
    "MASTER_PORT",
    "TORCHELASTIC_RUN_ID",
    "TORCHELASTIC_USE_AGENT_STORE",
    "SLURM_PROCID",
    "SLURM_LOCALID",
    "SLURM_NTASKS",
    "SLURM_NPROCS",
    "SLURM_STEP_NUM_TASKS",
    "SLURM_STEP_ID",
    "OMPI_COMM_WORLD_RANK",
    "OMPI_COMM_WORLD_SIZE",
    "OMPI_COMM_WORLD_LOCAL_RANK",
    "OMPI_COMM_WORLD_LOCAL_SIZE",
];

/// A scheduler that runs arrays of tasks.
struct Array {
    name: &'static str,
    /// The variable with the task's number.
    task: &'static str,
    /// What it is outside of arrays.
    none: &'static str,
    /// The number of the first task where nothing tells another.
    base: usize,
    /// Variables with the numbers of the first and the last task, and the step between two; empty where there are none.
    range: [&'static str; 3],
    /// That with the number of tasks.
    count: &'static str,
}

const ARRAYS: [Array; 6] = [
    Array {
        name: "Slurm's array",
        task: "SLURM_ARRAY_TASK_ID",
        none: "",
        base: 1,
        range: ["SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_STEP"],
        count: "SLURM_ARRAY_TASK_COUNT",
    },
    Array { name: KUBERNETES, task: "JOB_COMPLETION_INDEX", none: "", base: 0, range: ["", "", ""], count: "" },
    Array { name: "the array of PBS", task: "PBS_ARRAY_INDEX", none: "", base: 1, range: ["", "", ""], count: "" },
    Array { name: "the array of Torque", task: "PBS_ARRAYID", none: "", base: 1, range: ["", "", ""], count: "" },
    Array {
        name: "the array of Grid Engine",
        task: "SGE_TASK_ID",
        none: "undefined",
        base: 1,
        range: ["SGE_TASK_FIRST", "SGE_TASK_LAST", "SGE_TASK_STEPSIZE"],
        count: "",
    },
    Array {
        name: "the array of LSF",
        task: "LSB_JOBINDEX",
        none: "0",
        base: 1,
        range: ["", "LSB_JOBINDEX_END", "LSB_JOBINDEX_STEP"],
        count: "",
    },
];

/// Its pods are not jobs of their own: a launcher may number processes through all of them.
const KUBERNETES: &str = "Kubernetes' indexed job";

/// Launchers that start a group of processes, each with its variables of the process's number and of how many there are.
const GROUPS: [(&str, &str, &str); 4] = [
    ("torchrun", "RANK", "WORLD_SIZE"),
    ("srun", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
    ("srun", "SLURM_PROCID", "SLURM_NTASKS"),
    ("mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
];

/// A part, and who gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The part.
    pub shard: Shard,
    /// By whom, with the variable that says so.
    pub by: String,
}

/// One of several, counted from 0.
struct Place {
    place: usize,
    count: usize,
    by: String,
}

/// The part that the variables tell, which `variable` reads.
///
/// # Errors
/// Where none is set, or they contradict each other.
pub fn part(variable: &dyn Fn(&str) -> Option<String>) -> Result<Given, SweepError> {
    let variables = Variables(variable);
    let group = variables.group()?;
    // Numbered through all pods, the group is all there is.
    let array = variables.array(group.as_ref().is_some_and(|group| group.by.starts_with("torchrun")))?;
    let place = match (array, group) {
        (Some(array), Some(group)) if group.count > 1 => Place {
            place: array.place * group.count + group.place,
            count: array.count * group.count,
            by: format!("{} and {}", array.by, group.by),
        },
        (Some(array), _) => array,
        (None, Some(group)) => group,
        (None, None) => return Err(SweepError::Part(nothing())),
    };
    let outside = || SweepError::Part(format!("{} is number {} of {}", place.by, place.place + 1, place.count));
    Ok(Given { shard: Shard::at(place.place, place.count).ok_or_else(outside)?, by: place.by })
}

fn nothing() -> String {
    let mut names: Vec<String> = ARRAYS.iter().map(|array| array.task.to_string()).collect();
    names.extend(["SLURM_PROCID", "RANK"].map(String::from));
    format!(
        "this process is in no array and in no group of processes ({} are not set): give --shard i/n, or leave it out",
        zoo_host::words::listed(&names, "and")
    )
}

/// The variables of a process.
struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    /// A variable that is set to a number; none where it is not set.
    fn number(&self, name: &str) -> Result<Option<usize>, SweepError> {
        let Some(text) = (self.0)(name).filter(|text| !name.is_empty() && !text.is_empty()) else { return Ok(None) };
        let wrong = || SweepError::Part(format!("{name}={text} is no number; give --shard i/n"));
        text.trim().parse().map(Some).map_err(|_| wrong())
    }

    /// The task of an array that this is; not of a job of Kubernetes where `is_numbered` through its pods.
    fn array(&self, is_numbered: bool) -> Result<Option<Place>, SweepError> {
        let is_set = |array: &&Array| (self.0)(array.task).is_some_and(|text| !text.is_empty() && text != array.none);
        let mut arrays = ARRAYS.iter().filter(|array| !(is_numbered && array.name == KUBERNETES));
        let Some(array) = arrays.find(is_set) else { return Ok(None) };
        let Some(task) = self.number(array.task)? else { return Ok(None) };
        let by = format!("{} ({}={task})", array.name, array.task);
        if let Some(count) = self.number(PARTS)? {
            // The range is of what was submitted together, which may be one task of many.
            let place = task.checked_sub(array.base).filter(|place| *place < count);
            let outside = || {
                let last = (count + array.base).saturating_sub(1);
                SweepError::Part(format!(
                    "{by} is none of the {count} parts of {PARTS}={count}: number tasks from {} to {last}",
                    array.base
                ))
            };
            return Ok(Some(Place { place: place.ok_or_else(outside)?, count, by }));
        }
        let [first, last, step] = array.range;
        let (first, step) = (self.number(first)?.unwrap_or(array.base), self.number(step)?.unwrap_or(1).max(1));
        let spanned = self.number(last)?.and_then(|last| Some(last.checked_sub(first)? / step + 1));
        let Some(count) = self.number(array.count)?.or(spanned) else {
            let problem =
                format!("{by} does not say of how many: set {PARTS} to the number of parts, or give --shard i/n");
            return Err(SweepError::Part(problem));
        };
        let distance = task.checked_sub(first).filter(|distance| distance.is_multiple_of(step));
        match distance.map(|distance| distance / step) {
            Some(place) if place < count && spanned.is_none_or(|spanned| spanned == count) => {
                Ok(Some(Place { place, count, by }))
            }
            _ => Err(SweepError::Part(format!(
                "{by} is in an array with gaps, of {count} tasks: number them without gaps, such as 1-{count}, or set \
                 {PARTS} to the number of parts"
            ))),
        }
    }

    /// The process of a group that this is.
    fn group(&self) -> Result<Option<Place>, SweepError> {
        for (name, rank, size) in GROUPS {
            let (Some(place), Some(count)) = (self.number(rank)?, self.number(size)?) else { continue };
            if name == "srun" && self.is_batch_script() {
                continue;
            }
            return Ok(Some(Place { place, count, by: format!("{name} ({rank}={place})") }));
        }
        Ok(None)
    }

    /// Slurm numbers the batch script of a job as if it were the first of the job's processes; only srun starts the others.
    fn is_batch_script(&self) -> bool {
        let is_set = |name: &str| (self.0)(name).is_some();
        is_set("SLURM_JOB_ID") && !is_set("SLURM_STEP_ID")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(variables: &[(&str, &str)]) -> Result<(String, String), String> {
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_string());
        part(&find).map(|given| (given.shard.to_string(), given.by)).map_err(|error| error.to_string())
    }

    fn slurm(task: &'static str, [min, max, step, count]: [&'static str; 4]) -> Vec<(&'static str, &'static str)> {
        vec![
            ("SLURM_JOB_ID", "7"),
            ("SLURM_ARRAY_TASK_ID", task),
            ("SLURM_ARRAY_TASK_MIN", min),
            ("SLURM_ARRAY_TASK_MAX", max),
            ("SLURM_ARRAY_TASK_STEP", step),
            ("SLURM_ARRAY_TASK_COUNT", count),
        ]
    }

    #[test]
    fn every_scheduler_is_understood() {
        let shard = |variables: &[(&str, &str)]| given(variables).unwrap().0;
        assert_eq!(shard(&slurm("2", ["1", "4", "1", "4"])), "2/4");
        assert_eq!(shard(&slurm("0", ["0", "3", "1", "4"])), "1/4");
        assert_eq!(shard(&slurm("9", ["1", "9", "4", "3"])), "3/3");
        assert_eq!(shard(&[("JOB_COMPLETION_INDEX", "0"), (PARTS, "3")]), "1/3");
        assert_eq!(shard(&[("PBS_ARRAY_INDEX", "3"), (PARTS, "3")]), "3/3");
        assert_eq!(shard(&[("PBS_ARRAYID", "1"), (PARTS, "3")]), "1/3");
        let sge = [("SGE_TASK_FIRST", "2"), ("SGE_TASK_LAST", "6"), ("SGE_TASK_STEPSIZE", "2")];
        assert_eq!(shard(&[&sge[..], &[("SGE_TASK_ID", "4")]].concat()), "2/3");
        assert_eq!(shard(&[("LSB_JOBINDEX", "2"), ("LSB_JOBINDEX_END", "5"), ("LSB_JOBINDEX_STEP", "1")]), "2/5");
        assert_eq!(shard(&[("RANK", "1"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "1")]), "2/2");
        assert_eq!(shard(&[("SLURM_PROCID", "1"), ("SLURM_NTASKS", "4")]), "2/4");
        assert_eq!(shard(&[("OMPI_COMM_WORLD_RANK", "0"), ("OMPI_COMM_WORLD_SIZE", "2")]), "1/2");
    }

    #[test]
    fn it_is_said_who_gave_the_part() {
        let (_, by) = given(&slurm("2", ["1", "4", "1", "4"])).unwrap();
        assert_eq!(by, "Slurm's array (SLURM_ARRAY_TASK_ID=2)");
    }

    #[test]
    fn a_task_that_is_submitted_again_alone_has_its_own_part() {
        let mut again = slurm("3", ["3", "3", "1", "1"]);
        assert_eq!(given(&again).unwrap().0, "1/1");
        again.push((PARTS, "4"));
        assert_eq!(given(&again).unwrap().0, "3/4");
    }

    #[test]
    fn the_processes_of_a_task_share_its_part() {
        let step = [("SLURM_STEP_ID", "0"), ("SLURM_PROCID", "1"), ("SLURM_STEP_NUM_TASKS", "2")];
        let both = [&slurm("2", ["1", "4", "1", "4"])[..], &step].concat();
        let (shard, by) = given(&both).unwrap();
        assert_eq!((shard.as_str(), by.contains("array") && by.contains("srun")), ("4/8", true));
        // In a batch script nobody else was started, whatever was asked for.
        let batch = [&slurm("2", ["1", "4", "1", "4"])[..], &[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "2")]].concat();
        assert_eq!(given(&batch).unwrap().0, "2/4");
        // Ranks go through all pods.
        let pods = [("JOB_COMPLETION_INDEX", "1"), ("RANK", "3"), ("WORLD_SIZE", "4")];
        assert_eq!(given(&pods).unwrap().0, "4/4");
    }

    #[test]
    fn what_tells_no_part_is_one_sentence() {
        let error = given(&[]).unwrap_err();
        assert!(error.contains("SLURM_ARRAY_TASK_ID") && error.contains("RANK") && error.contains("--shard i/n"));
        let outside = [("SGE_TASK_ID", "undefined"), ("LSB_JOBINDEX", "0")];
        assert_eq!(given(&outside).unwrap_err(), error);
        assert!(given(&[("JOB_COMPLETION_INDEX", "1")]).unwrap_err().contains(PARTS));
        for gaps in [slurm("7", ["2", "7", "1", "3"]), slurm("3", ["1", "4", "1", "3"])] {
            assert!(given(&gaps).unwrap_err().contains("with gaps, of 3 tasks"));
        }
        assert!(given(&[("PBS_ARRAY_INDEX", "0"), (PARTS, "3")]).unwrap_err().contains("from 1 to 3"));
        assert!(given(&[("RANK", "x"), ("WORLD_SIZE", "2")]).unwrap_err().contains("RANK=x is no number"));
    }
}
