#!/usr/bin/env bash
# The manifest of `sweep --emit kubernetes` against the schema of Kubernetes, with every field that is not in it refused.
#
#   cargo build -p zoo-train && scripts/cluster/check_kubernetes.sh [PROGRAM]
#
# installs kubernetes-validate from PyPI into a folder of its own.
set -euo pipefail
scripts=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
program=$(realpath "${1:-$scripts/../../target/debug/zoo-train}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet kubernetes-validate
cat >my.toml <<'TOML'
[[grid]]
kind = "accuracy"
model = "mobilenet-v3-small"
seed = [0, 1, 2]
settings.data.dataset = "synthetic"
TOML
"$program" sweep my.toml --emit kubernetes >cpu.yaml
sed 's/^settings.data/settings.run.device = "cuda"\nsettings.data/' my.toml >gpu.toml
"$program" sweep gpu.toml --emit kubernetes --shards 2 --budget 2h >gpu.yaml
cat cpu.yaml
# The newest schema that the package has; backoffLimitPerIndex came with 1.28.
venv/bin/kubernetes-validate --strict cpu.yaml gpu.yaml
