//! A line of shell for each part, for GNU parallel, xargs, or whatever else runs lines.

use super::Job;
use zoo_results::command::quoted;

/// The lines.
pub fn parallel(job: &Job) -> String {
    let folder = quoted(&job.folder.to_string_lossy());
    let line = |part: usize| format!("cd {folder} && {}\n", job.line(&format!("{part}/{}", job.parts)));
    (1..=job.parts).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::job;
    use super::*;

    #[test]
    fn each_part_is_a_line() {
        let text = parallel(&job());
        let lines: Vec<&str> = text.lines().collect();
        let command = "/opt/zoo/zoo-train sweep 'my Sweep.toml' --results results --shard";
        assert_eq!((lines.len(), lines[3]), (4, format!("cd '/home/me/two words' && {command} 4/4").as_str()));
    }
}
