//! A Job for Kubernetes: a pod for each part, numbered ("Indexed").

use super::Job;
use crate::launcher::PARTS;
use zoo_host::exit;

/// Seconds from the signal to the end: a cell has a minute to save in.
const GRACE: u32 = 90;
/// Where the pods see the folder that they share.
const FOLDER: &str = "/work";

/// The manifest, for `kubectl apply -f`.
pub fn kubernetes(job: &Job) -> String {
    let (says, name, parts, threads) = (job.says(), job.label(), job.parts, job.need.threads);
    let limit = job.need.limit();
    let gpu = if job.need.gpu { "\n            limits:\n              nvidia.com/gpu: 1" } else { "" };
    let program = job.program.file_name().unwrap_or_default().to_string_lossy();
    let words = std::iter::once(program.as_ref()).chain(job.arguments.iter().map(String::as_str));
    let words: Vec<String> = words.chain(["--shard", "auto"]).map(text).collect();
    let command = words.join(", ");
    let (wrong, permanent, again) = (exit::WRONG_USAGE, exit::PERMANENT, exit::AGAIN);
    format!(
        r#"# {says}
# Edit the lines that say EDIT, then: kubectl apply -f FILE
apiVersion: batch/v1
kind: Job
metadata:
  name: {name}
spec:
  completionMode: Indexed
  completions: {parts}
  parallelism: {parts}
  backoffLimitPerIndex: 3
  maxFailedIndexes: {parts}
  podFailurePolicy:
    rules:
      # Wrong usage: every pod would end so.
      - action: FailJob
        onExitCodes:
          containerName: sweep
          operator: In
          values: [{wrong}]
      # A cell that can never work: the other cells of the part are done, and no other try helps.
      - action: FailIndex
        onExitCodes:
          containerName: sweep
          operator: In
          values: [{permanent}]
      # Stopped and saved: another pod continues, as often as it takes.
      - action: Ignore
        onExitCodes:
          containerName: sweep
          operator: In
          values: [{again}]
      # A node that is drained or lost.
      - action: Ignore
        onPodConditions:
          - type: DisruptionTarget
            status: "True"
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: {GRACE}
      # A part that is cut off has saved, and goes on in its next pod.
      activeDeadlineSeconds: {limit}
      containers:
        - name: sweep
          image: zoo-train:latest  # EDIT: an image with {program} on its PATH
          workingDir: {FOLDER}
          command: [{command}]
          env:
            - name: {PARTS}
              value: "{parts}"
            - name: OMP_NUM_THREADS
              value: "{threads}"
          resources:
            requests:
              cpu: "{threads}"{gpu}
          volumeMounts:
            - name: work
              mountPath: {FOLDER}
      volumes:
        - name: work
          persistentVolumeClaim:
            claimName: zoo  # EDIT: a ReadWriteMany claim with the sweep file, for the results
"#
    )
}

/// Text in the quotes of JSON, which are YAML's, too.
fn text(word: &str) -> String {
    serde_json::Value::from(word).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::tests::job;
    use super::*;
    use crate::emit::Need;

    #[test]
    fn a_manifest_has_its_parts_and_what_exit_codes_mean() {
        let manifest = kubernetes(&job());
        let expected = [
            "  name: zoo-my-sweep\n",
            "  completions: 4\n",
            "values: [42]\n",
            "values: [75]\n",
            "terminationGracePeriodSeconds: 90\n",
            "activeDeadlineSeconds: 5700\n",
            r#"command: ["zoo-train", "sweep", "my Sweep.toml", "--results", "results", "--shard", "auto"]"#,
            "- name: ZOO_SHARDS\n              value: \"4\"\n",
        ];
        assert!(expected.iter().all(|line| manifest.contains(line)), "{manifest}");
        assert!(!manifest.contains("gpu"), "{manifest}");
        let need = Need { gpu: true, ..job().need };
        assert!(kubernetes(&Job { need, ..job() }).contains("nvidia.com/gpu: 1\n"));
    }
}
