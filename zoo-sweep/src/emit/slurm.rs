//! A batch script for Slurm: an array of one task for each part.

use super::Job;
use crate::launcher::PARTS;
use zoo_results::command::quoted;

/// Seconds before its end at which a task hears of it: a minute to save in, and what Slurm takes to say so.
const WARNING: u32 = 90;

/// The script, for `sbatch`.
pub fn slurm(job: &Job) -> String {
    let (name, parts, threads) = (job.label(), job.parts, job.need.threads);
    let mut options = vec![
        format!("--job-name={name}"),
        format!("--array=1-{parts}"),
        format!("--chdir={}", directive(&job.folder.to_string_lossy())),
        "--ntasks=1".to_string(),
        format!("--cpus-per-task={threads}"),
        format!("--time={}", clock(job.need.limit())),
        format!("--signal=B:USR1@{WARNING}"),
        "--requeue".to_string(),
        "--open-mode=append".to_string(),
    ];
    if job.need.gpu {
        options.push("--gpus-per-task=1".into());
    }
    if job.need.timed {
        // Whoever else computes there would be measured, too.
        options.push("--exclusive".into());
    }
    let options: String = options.iter().map(|option| format!("#SBATCH {option}\n")).collect();
    let (says, command) = (job.says(), job.line("auto"));
    format!(
        "#!/bin/bash\n\
         # {says}\n\
         # What is given to sbatch goes before the lines below: sbatch --time=2:00:00 --partition=NAME FILE.\n\
         # A part that is cut off has saved, and goes on when its task starts again.\n\
         {options}\n\
         # The number of parts, for a task that is submitted again alone: sbatch --array=3 FILE.\n\
         export {PARTS}={parts}\n\
         export OMP_NUM_THREADS=${{SLURM_CPUS_PER_TASK:-{threads}}}\n\
         \n\
         {command} &\n\
         sweep=$!\n\
         # Slurm tells this script alone that its time ends in {WARNING} seconds.\n\
         late=\n\
         trap 'late=yes; kill -USR1 \"$sweep\"' USR1\n\
         trap 'kill -TERM \"$sweep\"' TERM\n\
         # A signal ends the waiting, not the sweep.\n\
         while kill -0 \"$sweep\" 2>/dev/null; do wait \"$sweep\"; done\n\
         wait \"$sweep\"\n\
         code=$?\n\
         # 75: saved, and the same command continues. The restarts are counted, should no sitting be long enough for anything.\n\
         if [ -n \"$late\" ] && [ \"$code\" -eq 75 ] && [ \"${{SLURM_RESTART_COUNT:-0}}\" -lt 100 ]; then\n\
         \x20   scontrol requeue \"${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}\"\n\
         fi\n\
         exit \"$code\"\n"
    )
}

/// Seconds as Slurm reads them: `1-02:30:00`.
fn clock(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let days = if days == 0 { String::new() } else { format!("{days}-") };
    format!("{days}{hours:02}:{minutes:02}:00")
}

/// A value of a directive, in the quotes that Slurm understands where it needs them.
fn directive(value: &str) -> String {
    if quoted(value) == value { value.to_string() } else { format!("\"{value}\"") }
}

#[cfg(test)]
mod tests {
    use super::super::tests::job;
    use super::*;
    use crate::emit::Need;

    #[test]
    fn a_script_has_the_array_the_time_and_the_signal() {
        let script = slurm(&job());
        let expected = [
            "#!/bin/bash\n",
            "#SBATCH --array=1-4\n",
            "#SBATCH --chdir=\"/home/me/two words\"\n",
            "#SBATCH --time=01:35:00\n",
            "#SBATCH --signal=B:USR1@90\n",
            "#SBATCH --requeue\n",
            "export ZOO_SHARDS=4\n",
            "/opt/zoo/zoo-train sweep 'my Sweep.toml' --results results --shard auto &\n",
        ];
        assert!(expected.iter().all(|line| script.contains(line)), "{script}");
        assert!(!script.contains("--exclusive") && !script.contains("--gpus"), "{script}");
        let need = Need { gpu: true, timed: true, ..job().need };
        let script = slurm(&Job { need, ..job() });
        assert!(script.contains("#SBATCH --exclusive\n") && script.contains("#SBATCH --gpus-per-task=1\n"), "{script}");
    }

    #[test]
    fn times_are_those_of_slurm() {
        assert_eq!([600, 5700, 95_400].map(clock), ["00:10:00", "01:35:00", "1-02:30:00"]);
    }
}
