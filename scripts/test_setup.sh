#!/usr/bin/env bash
# Runs setup.sh where something is missing, broken or interrupted, and checks what it says and leaves. It takes a few
# seconds and needs no network: the wheels are tiny ones made here, cargo is a stand-in that writes down its calls.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source=$PWD
box=$(mktemp -d)
trap 'rm -rf "$box"' EXIT
failures=0 checks=0

fail() {
    failures=$((failures + 1))
    printf 'FAILED: %s\n' "$test_name: $*" >&2
    sed 's/^/    | /' "$box/output" >&2
}

check() {
    checks=$((checks + 1))
    "$@" || fail "not true: $*"
}

# --- The sandbox -----------------------------------------------------------------------------------------------------

# A folder with every tool that setup.sh uses, so that one can be taken away.
python=$(python3 -c 'import sys; print(sys.executable)')

make_tools() {
    local tool
    mkdir -p "$box/tools"
    for tool in awk bash c++ cat cmp cp cut date df dirname flock getconf grep head ln mkdir mktemp mv printf readlink rm \
        sed seq sh sha256sum sort stat tail uname; do
        link_tool "$tool"
    done
    stand_in python3 "exec '$python' \"\$@\""
    stand_in rustc 'echo "rustc 1.99.0 (0000000 2030-01-01)"'
    stand_in cargo "echo \"\$*\" >>'$box/cargo.log'; test ! -e '$box/cargo-fails'"
}

# Wrappers, as some tools look at the name or place that they are called by.
link_tool() { stand_in "$1" "exec '$(type -P "$1")' \"\$@\""; }

stand_in() {
    printf '#!%s\n%s\n' "$(type -P bash)" "$2" >"$box/tools/$1"
    chmod +x "$box/tools/$1"
}

# make_wheels FOLDER SALT: wheels with the names that are pinned, and pins that fit them: both flavours, and the engines.
#
# The pins for CUDA are cut down to four wheels: pip takes half a second for each.
make_wheels() {
    python3 - "$1" "$2" "$source/scripts" "$box/repo/scripts" <<'PYTHON'
import hashlib, pathlib, re, sys, zipfile

folder, salt, real, pins = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4])
folder.mkdir(parents=True, exist_ok=True)
CONTENTS = {
    "torch": ["torch/lib/lib%s" % name for name in
              ("c10.so", "torch.so", "torch_cpu.so", "gomp.so.1", "torch_global_deps.so", "shm.so", "torch_cuda.so")]
             + ["torch/include/torch/torch.h", "torch/share/cmake/x.cmake", "torch/version.py", "torch/nn/linear.py"],
    "nvidia-cuda-runtime": ["nvidia/cu13/lib/libcudart.so.13"],
    "nvidia-cuda-cupti": ["nvidia/cu13/lib/libcupti.so.13", "nvidia/cu13/lib/libnvperf_host.so"],
}
CONTENTS["nvidia-nccl-cu13"] = ["nvidia/nccl/lib/libnccl.so.2"]
CONTENTS["onnxruntime"] = ["onnxruntime/capi/libonnxruntime.so.1.2.3", "onnxruntime/capi/onnxruntime_pybind11_state.so"]
CONTENTS["openvino"] = ["openvino/libs/lib%s" % name for name in
                        ("openvino.so.1", "openvino_c.so.1", "openvino_intel_cpu_plugin.so", "openvino_intel_gpu_plugin.so",
                         "openvino_onnx_frontend.so.1", "tbb.so.12", "tbbbind_2_5.so.3", "tbbmalloc.so.2", "hwloc.so.15")]
for pinned in "libtorch-cpu", "libtorch-cuda", "engines":
    lines = []
    for name, version in re.findall(r"^([a-z0-9-]+)==([0-9.]+)", (real / f"{pinned}.txt").read_text(), re.M):
        if name not in CONTENTS:
            continue
        stem = f"{name.replace('-', '_')}-{version}"
        tag = "cp311-cp311-manylinux_2_28_x86_64" if name in ("torch", "onnxruntime", "openvino") else "py3-none-manylinux2014_x86_64"
        wheel = folder / f"{stem}-{tag}.whl"
        if not wheel.exists():
            with zipfile.ZipFile(wheel, "w") as archive:
                for path in CONTENTS[name]:
                    archive.writestr(path, f"{path} {salt}")
                archive.writestr("../escaped", "no")
                archive.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
                archive.writestr(f"{stem}.dist-info/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n")
                archive.writestr(f"{stem}.dist-info/RECORD", "")
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        lines.append(f"{name}=={version} --hash=sha256:{digest}\n")
    pathlib.Path(pins, f"{pinned}.txt").write_text("".join(lines))
PYTHON
}

# fresh NAME: begins a test with an empty checkout and an empty cache.
fresh() {
    test_name=$1
    rm -rf "$box/repo" "$box/cache" "$box/tools" "$box/cargo.log" "$box/cargo-fails"
    mkdir -p "$box/repo/scripts" "$box/cache"
    cp "$source/setup.sh" "$source/Cargo.toml" "$box/repo/"
    cp "$source"/scripts/libtorch-*.txt "$source/scripts/engines.txt" "$box/repo/scripts/"
    touch "$box/cargo.log"
    make_tools
    if [ -d "$box/wheels" ]; then cp "$box"/pins/*.txt "$box/repo/scripts/"; fi
}

# setup ARGUMENTS: runs it with the sandbox's tools and wheels alone; settings as NAME=VALUE in $with.
setup() {
    status=0
    env -i PATH="$box/tools" HOME="$box" XDG_CACHE_HOME="$box/cache" PIP_CONFIG_FILE=/dev/null PIP_NO_INDEX=1 \
        PIP_FIND_LINKS="$box/wheels" "${with[@]}" "$box/tools/bash" "$box/repo/setup.sh" "$@" >"$box/output" 2>&1 || status=$?
}
with=()

# fails_with WORDS...: it ended with 1 and one sentence that has all of these words.
fails_with() {
    local word
    check [ "$status" -eq 1 ]
    check [ "$(grep -c '^setup.sh: ' "$box/output")" -eq 1 ]
    for word in "$@"; do
        checks=$((checks + 1))
        grep '^setup.sh: ' "$box/output" | grep -qF -- "$word" || fail "its sentence lacks: $word"
    done
}

says() { grep -qF -- "$1" "$box/output"; }

libtorch=$box/cache/zoo/libtorch-$(sed -n 's/^torch==\([0-9.]*\).*/\1/p' scripts/libtorch-cpu.txt)

fresh "making the wheels"
make_wheels "$box/wheels" good
mkdir "$box/pins"
cp "$box"/repo/scripts/*.txt "$box/pins/"

# --- What has to be there first --------------------------------------------------------------------------------------

fresh "help"
setup --help
check [ "$status" -eq 0 ]
check says "--no-data"

fresh "wrong usage"
setup --cudda
check [ "$status" -eq 2 ]
check says "no option --cudda"
setup --profile fast
check [ "$status" -eq 2 ]
setup --profile
check [ "$status" -eq 2 ]

fresh "another platform"
stand_in uname 'case $1 in -s) echo Darwin ;; -m) echo arm64 ;; esac'
setup
fails_with "Darwin" "arm64" "link its torch folder as .libtorch"

fresh "another C library"
stand_in getconf 'exit 1'
setup
fails_with "glibc 2.28"
stand_in getconf 'echo "glibc 2.17"'
setup
fails_with "2.17" "newer distribution"

fresh "no python3"
rm "$box/tools/python3"
setup
fails_with "python3 is not installed" "apt install"

fresh "no pip"
stand_in python3 'echo "No module named pip" >&2; exit 1'
setup
fails_with "has no pip" "apt install python3-pip"

fresh "no C++ compiler"
rm "$box/tools/c++"
setup
fails_with "no C++ compiler (c++)" "apt install g++"
with=(CXX=clang++-99)
setup
with=()
fails_with "no C++ compiler (clang++-99)"

fresh "no cargo"
rm "$box/tools/cargo"
setup
fails_with "cargo is not installed" "rustup"

fresh "an old rustc"
stand_in rustc 'echo "rustc 1.63.0 (4b91a6ea7 2022-08-08)"'
setup
fails_with "rustc 1.63.0 is too old" "$(sed -n 's/^rust-version *= *"\(.*\)".*/\1/p' Cargo.toml)" "rustup update"

fresh "rustup without a toolchain"
stand_in rustc 'echo "error: no default toolchain" >&2; exit 1'
setup
fails_with "rustc does not run"

fresh "too little room in the cache"
stand_in df "case \$2 in $box/cache*) free=204800 ;; *) free=99999999 ;; esac
echo 'Filesystem 1024-blocks Used Available Capacity Mounted'; echo \"x 1 1 \$free 1% /\""
setup
fails_with "$box/cache/zoo has 200 MB free" "XDG_CACHE_HOME"
check [ ! -e "$box/cache/zoo/wheels" ]

fresh "too little room for the build"
stand_in df "case \$2 in $box/cache*) free=99999999 ;; *) free=204800 ;; esac
echo 'Filesystem 1024-blocks Used Available Capacity Mounted'; echo \"x 1 1 \$free 1% /\""
setup
fails_with "200 MB free" "CARGO_TARGET_DIR"

# A real small disk, where one may be mounted.
if unshare --user --map-root-user --mount true 2>/dev/null; then
    fresh "a small disk"
    status=0
    unshare --user --map-root-user --mount bash -c 'mount -t tmpfs -o size=20m none "$1/cache" && shift && "$@"' - "$box" \
        env -i PATH="$box/tools" HOME="$box" XDG_CACHE_HOME="$box/cache" "$box/tools/bash" "$box/repo/setup.sh" \
        >"$box/output" 2>&1 || status=$?
    fails_with "has 20 MB free" "XDG_CACHE_HOME"
fi

fresh "a cache that is a file"
rm -r "$box/cache"
touch "$box/cache"
setup
fails_with "$box/cache/zoo cannot be made" "XDG_CACHE_HOME"

# --- libtorch --------------------------------------------------------------------------------------------------------

fresh "all is well"
setup
check [ "$status" -eq 0 ]
check [ "$(readlink "$box/repo/.libtorch")" = "$libtorch-cpu" ]
check [ "$(cd "$box/repo/.libtorch" && find -L . -type f | sort | tr '\n' ' ')" = "./VERSION ./build-version \
./include/torch/torch.h ./lib/libc10.so ./lib/libcudart.so.13 ./lib/libcupti.so.13 ./lib/libgomp.so.1 ./lib/libshm.so \
./lib/libtorch.so ./lib/libtorch_cpu.so ./lib/libtorch_global_deps.so ./share/cmake/x.cmake ./version.py " ]
check [ "$(cat "$box/repo/.libtorch/lib/libtorch.so")" = "INPUT ( libtorch_cpu.so )" ]
check [ "$libtorch" = "$box/cache/zoo/libtorch-$(cat "$box/repo/.libtorch/build-version")" ]
check [ -x "$box/repo/.libtorch/lib/libtorch_cpu.so" ]
check [ -z "$(ls -A "$box/cache/zoo/wheels")" ]
check [ ! -e "$box/cache/zoo/escaped" ]
check [ "$(cat "$box/cargo.log")" = "build --release -p zoo-train
run --quiet --release -p zoo-train -- data get cifar10" ]

test_name="a second run fetches nothing"
with=(PIP_FIND_LINKS=/nowhere)
: >"$box/cargo.log"
setup --no-data --profile dev
with=()
check [ "$status" -eq 0 ]
check [ "$(cat "$box/cargo.log")" = "build --profile dev -p zoo-train" ]

test_name="CUDA afterwards"
mkdir "$box/repo/target"
: >"$box/cargo.log"
setup --cuda --no-data
check [ "$status" -eq 0 ]
check [ "$(readlink "$box/repo/.libtorch")" = "$libtorch-cuda/torch" ]
check [ -f "$box/repo/.libtorch/lib/libtorch_cuda.so" ]
check [ -f "$libtorch-cuda/nvidia/cu13/lib/libcudart.so.13" ]
check [ -f "$box/repo/.libtorch/lib/../../nvidia/nccl/lib/libnccl.so.2" ]
check [ ! -e "$box/repo/.libtorch/nn" ]
check [ "$(head -n 1 "$box/cargo.log")" = "clean --quiet -p torch-sys -p tch -p zoo-native" ]
setup --no-data
check [ "$(readlink "$box/repo/.libtorch")" = "$libtorch-cpu" ]

test_name="engines afterwards"
setup --engines --no-data
check [ "$status" -eq 0 ]
check [ "$(cd "$box/cache/zoo/engines" && find . -type f | sort | tr '\n' ' ')" = "./onnxruntime/libonnxruntime.so.1.2.3 \
./openvino/libhwloc.so.15 ./openvino/libopenvino.so.1 ./openvino/libopenvino_c.so.1 \
./openvino/libopenvino_intel_cpu_plugin.so ./openvino/libopenvino_onnx_frontend.so.1 ./openvino/libtbb.so.12 \
./openvino/libtbbbind_2_5.so.3 ./openvino/libtbbmalloc.so.2 ./pins.txt " ]
check [ -z "$(ls -A "$box/cache/zoo/wheels")" ]

test_name="engines that are there are kept, and others replaced"
with=(PIP_FIND_LINKS=/nowhere)
setup --engines --no-data
check [ "$status" -eq 0 ]
check says "ONNX Runtime and OpenVINO are in"
with=()
echo "# another pin" >>"$box/cache/zoo/engines/pins.txt"
setup --engines --no-data
check [ "$status" -eq 0 ]
check cmp --quiet "$box/repo/scripts/engines.txt" "$box/cache/zoo/engines/pins.txt"

test_name="engines that the index lacks"
rm -r "$box/cache/zoo/engines"
with=(PIP_FIND_LINKS=/nowhere)
setup --engines --no-data
with=()
fails_with "onnxruntime" "package index"
check [ ! -e "$box/cache/zoo/engines" ]

fresh "no network"
with=(PIP_NO_INDEX=0 PIP_INDEX_URL=http://127.0.0.1:9 PIP_FIND_LINKS= PIP_RETRIES=1)
setup
with=()
fails_with "cannot be reached" "PIP_INDEX_URL" "run ./setup.sh again"
check [ ! -e "$box/repo/.libtorch" ]

fresh "an index without the wheel"
with=(PIP_FIND_LINKS=/nowhere)
setup
with=()
fails_with "does not have torch" "PIP_INDEX_URL"

fresh "a wrong checksum"
sed -i '/^nvidia-cuda-cupti/ s/sha256:..../sha256:0000/' "$box/repo/scripts/libtorch-cpu.txt"
setup
fails_with "the checksum of nvidia-cuda-cupti" "is wrong" "PIP_INDEX_URL"
check [ ! -e "$libtorch-cpu" ]

test_name="after a wrong checksum what was right is kept"
cp "$box"/pins/*.txt "$box/repo/scripts/"
check [ -f "$box"/cache/zoo/wheels/torch-*.whl ]
setup
check [ "$status" -eq 0 ]
check [ "$(grep -c '^    ' "$box/output")" -eq 1 ]

fresh "after an interruption"
mkdir -p "$box/cache/zoo/wheels" "$libtorch-cpu.part/lib"
echo half >"$libtorch-cpu.part/lib/half"
cp "$box"/wheels/nvidia_cuda_*.whl "$box/cache/zoo/wheels/"
head -c 100 "$box"/wheels/torch-*.whl >"$box/cache/zoo/wheels/$(basename "$box"/wheels/torch-*.whl)"
setup
check [ "$status" -eq 0 ]
check [ "$(grep -c '^    ' "$box/output")" -eq 1 ]
check [ ! -e "$libtorch-cpu.part" ]
check [ ! -e "$libtorch-cpu/lib/half" ]

fresh "a real interruption"
stand_in python3 "case \$* in *download*) touch '$box/downloading'; sleep 1; exit 1 ;; esac; exec '$python' \"\$@\""
link_tool sleep
link_tool touch
status=0
env -i PATH="$box/tools" HOME="$box" XDG_CACHE_HOME="$box/cache" "$box/tools/bash" "$box/repo/setup.sh" \
    >"$box/output" 2>&1 &
setup_pid=$!
until [ -e "$box/downloading" ] || ! kill -0 "$setup_pid" 2>/dev/null; do sleep 0.1; done
kill -TERM "$setup_pid"
wait "$setup_pid" || status=$?
fails_with "interrupted" "run ./setup.sh again"
check [ ! -e "$box/repo/.libtorch" ]

fresh "wheels that lack a library"
make_wheels "$box/other" other
python3 - "$box/other" "$box/repo/scripts/libtorch-cpu.txt" <<'PYTHON'
import hashlib, pathlib, re, sys, zipfile
wheel = next(pathlib.Path(sys.argv[1]).glob("nvidia_cuda_cupti*"))
with zipfile.ZipFile(wheel) as old:
    kept = [(name, old.read(name)) for name in old.namelist() if "libcupti" not in name]
with zipfile.ZipFile(wheel, "w") as new:
    for name, data in kept:
        new.writestr(name, data)
digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
pins = pathlib.Path(sys.argv[2])
pins.write_text(re.sub(r"(nvidia-cuda-cupti==\S+ --hash=sha256:)\w+", r"\g<1>" + digest, pins.read_text()))
PYTHON
with=(PIP_FIND_LINKS="$box/other")
setup
with=()
check says "do not hold libcupti.so.13"
fails_with "cannot be unpacked"
check [ ! -e "$libtorch-cpu" ]

fresh "a libtorch of one's own"
mkdir -p "$box/repo/.libtorch/lib" "$box/repo/.libtorch/include/torch"
touch "$box/repo/.libtorch/lib/libtorch_cpu.so"
setup --no-data
check [ "$status" -eq 0 ]
check says "keeping the libtorch"
check [ ! -e "$libtorch-cpu" ]
setup --cuda --no-data
fails_with "without CUDA" "remove it"
rm -r "$box/repo/.libtorch/include"
setup
fails_with "holds no libtorch" "remove it"

fresh "a link to a cache that was emptied"
setup --no-data
rm -rf "$box/cache/zoo"
setup --no-data
check [ "$status" -eq 0 ]
check [ -f "$box/repo/.libtorch/lib/libtorch_cpu.so" ]

# --- The rest --------------------------------------------------------------------------------------------------------

fresh "a build that fails"
touch "$box/cargo-fails"
setup
fails_with "the build failed" "run ./setup.sh again"

fresh "data that cannot be had"
stand_in cargo 'case $1 in run) exit 1 ;; esac'
setup
fails_with "CIFAR-10 could not be fetched" "--no-data"

if [ "$failures" -gt 0 ]; then
    printf '%s of %s checks of setup.sh failed\n' "$failures" "$checks" >&2
    exit 1
fi
printf 'setup.sh: %s checks passed\n' "$checks"
