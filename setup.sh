#!/usr/bin/env bash
# Makes a fresh checkout ready: libtorch, a build, CIFAR-10. See --help.
#
# Everything large lives in the cache and is put there by a rename, so that an interrupted run leaves nothing that
# looks finished, and the next run goes on from what is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
    cat <<'USAGE'
Usage: ./setup.sh [--cuda] [--engines] [--no-data] [--profile release|dev]

Fetches libtorch into the cache and links it as .libtorch, builds zoo-train, and fetches CIFAR-10. It may be run again
at any time: what is there already is kept, and what was interrupted goes on.

  --cuda             libtorch with CUDA (2.5 GB to fetch) in place of the CPU alone (540 MB)
  --engines          ONNX Runtime and OpenVINO, too (90 MB to fetch), which run networks in ONNX
  --no-data          do not fetch CIFAR-10
  --profile PROFILE  build with the release profile (the default), or with dev, which the tests use
  --help             print this

The cache is zoo/ in $XDG_CACHE_HOME, by default ~/.cache/zoo. Python's pip does the fetching of libraries, so its usual
settings (PIP_INDEX_URL, PIP_PROXY, pip.conf, ...) apply. Afterwards plain cargo commands work.
USAGE
}

# --- Small helpers ---------------------------------------------------------------------------------------------------

say() { printf '==> %s\n' "$*"; }

die() {
    printf 'setup.sh: %s\n' "$*" >&2
    exit 1
}

wrong_usage() {
    printf 'setup.sh: %s; see ./setup.sh --help\n' "$*" >&2
    exit 2
}

have() { command -v "$1" >/dev/null 2>&1; }

# at_least WANTED VERSION
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# The nearest folder at or above $1 that exists: a cache that is not there yet has its parent's disk.
existing() {
    local dir=$1
    until [ -d "$dir" ]; do dir=$(dirname "$dir"); done
    printf '%s\n' "$dir"
}

free_mb() { df -Pk "$(existing "$1")" | awk 'NR == 2 { print int($4 / 1024) }'; }

device() { stat -c %d "$(existing "$1")"; }

# --- What has to be there first --------------------------------------------------------------------------------------

check_platform() {
    local system machine glibc
    system=$(uname -s) machine=$(uname -m)
    [ "$system $machine" = "Linux x86_64" ] || die "this sets up libtorch for Linux on x86_64, and this is $system on" \
        "$machine; install PyTorch $version there and link its torch folder as .libtorch."
    glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed -n 's/^glibc //p' || true)
    at_least 2.28 "${glibc:-0}" || die "libtorch needs the C library glibc 2.28 or newer, and this system has" \
        "${glibc:-another one}; use a newer distribution, such as Debian 12."
}

check_tools() {
    have python3 || die "python3 is not installed; install it, for example with: apt install python3 python3-pip"
    python3 -c 'import pip' 2>/dev/null ||
        die "python3 has no pip; install it, for example with: apt install python3-pip"
    local compiler=${CXX:-c++}
    have "${compiler%% *}" ||
        die "there is no C++ compiler ($compiler); install one, for example with: apt install g++"
    # A build without it is right, and decodes JPEGs at half the speed.
    have nasm || say "nasm is not installed: JPEGs will be decoded at half the speed. To have all of it, install nasm, for" \
        "example with: apt install nasm; then run: cargo clean --release -p mozjpeg-sys, and ./setup.sh again"
    have cargo || die "cargo is not installed; install Rust as https://rustup.rs says, and open a new shell."
    local wanted found
    wanted=$(sed -n 's/^rust-version *= *"\(.*\)".*/\1/p' Cargo.toml)
    found=$(rustc --version 2>/dev/null | awk '{ print $2 }') || true
    [ -n "$found" ] || die "rustc does not run; install Rust as https://rustup.rs says, and open a new shell."
    at_least "$wanted" "$found" ||
        die "rustc $found is too old, $wanted or newer is needed; update it with: rustup update stable"
}

# Asks for the room of everything that is still to come, before the first byte is fetched.
check_space() {
    local cache_mb=0 build_mb=0 target=${CARGO_TARGET_DIR:-$PWD/target}
    if [ ! -d "$layout" ] && ! own_libtorch; then
        if [ "$flavour" = cuda ]; then cache_mb=6500; else cache_mb=1100; fi
    fi
    if [ "$engines" = yes ] && ! engines_are_there; then cache_mb=$((cache_mb + 300)); fi
    if [ "$data" = yes ] && [ ! -d "$cache/data/cifar-10-batches-bin" ]; then cache_mb=$((cache_mb + 550)); fi
    [ -d "$target" ] || build_mb=1500
    need "$cache" "$cache_mb" "for libraries and data" "set XDG_CACHE_HOME to a folder on another disk"
    if [ "$(device "$cache")" = "$(device "$target")" ]; then build_mb=$((build_mb + cache_mb)); fi
    need "$target" "$build_mb" "for the build" "set CARGO_TARGET_DIR to a folder on another disk"
}

# need FOLDER MB WHAT REMEDY
need() {
    local free
    free=$(free_mb "$1")
    [ "$free" -ge "$2" ] || die "the disk of $1 has $free MB free, and $2 MB are needed $3; make room, or $4."
}

# --- libtorch --------------------------------------------------------------------------------------------------------

# Whether .libtorch is the user's own and not a link that an earlier run made.
own_libtorch() {
    if [ -L .libtorch ]; then
        case $(readlink .libtorch) in "$cache"/libtorch-*) return 1 ;; esac
    fi
    [ -e .libtorch ]
}

set_up_libtorch() {
    if own_libtorch; then
        [ -f .libtorch/lib/libtorch_cpu.so ] && [ -d .libtorch/include/torch ] ||
            die ".libtorch is there and holds no libtorch; remove it and run ./setup.sh again."
        [ "$flavour" = cpu ] || [ -f .libtorch/lib/libtorch_cuda.so ] ||
            die ".libtorch is there without CUDA and was not made by setup.sh; remove it and run ./setup.sh --cuda again."
        say "keeping the libtorch in .libtorch"
        return
    fi
    if [ -d "$layout" ]; then
        say "libtorch $version ($flavour) is in $layout"
    else
        say "fetching libtorch $version ($flavour) into $cache"
        fetch_wheels "scripts/libtorch-$flavour.txt"
        unpack_wheels
    fi
    link_libtorch
}

# requirements PINS: prints "NAME VERSION SHA256" for each wheel.
requirements() {
    sed -n 's/^\([a-z0-9-]*\)==\([0-9.]*\) *--hash=sha256:\([0-9a-f]*\)$/\1 \2 \3/p' "$1"
}

# wheel_of NAME VERSION: the file that pip leaves for it, if it is there.
wheel_of() {
    local file
    for file in "$wheels/${1//-/_}-$2"-*.whl; do
        if [ -f "$file" ]; then printf '%s\n' "$file"; fi
    done
}

# sound FILE SHA256
sound() { [ -n "$1" ] && printf '%s  %s\n' "$2" "$1" | sha256sum --check --status 2>/dev/null; }

# fetch_wheels PINS
fetch_wheels() {
    local name number sum file
    mkdir -p "$wheels" 2>/dev/null || die "$wheels cannot be made; change its permissions, or set XDG_CACHE_HOME."
    while read -r name number sum <&3; do
        file=$(wheel_of "$name" "$number")
        if sound "$file" "$sum"; then continue; fi
        # What is there was cut short: pip itself would refuse to go on from it.
        if [ -n "$file" ]; then rm -f "$file"; fi
        printf '    %s %s\n' "$name" "$number"
        fetch_wheel "$name" "$number" "$sum"
        file=$(wheel_of "$name" "$number")
        sound "$file" "$sum" || die "the checksum of $name $number is wrong; run ./setup.sh again, and if that does not" \
            "help, use another package index (PIP_INDEX_URL)."
    done 3< <(requirements "$1")
}

# fetch_wheel NAME VERSION SHA256. One pip a wheel, so that an interruption costs one wheel at most. The Python version
# is fixed because only one wheel is pinned; the libraries in it do not depend on the Python that runs here.
fetch_wheel() {
    local pin=$work/requirement.txt log=$work/pip.log options=() minor
    printf '%s==%s --hash=sha256:%s\n' "$1" "$2" "$3" >"$pin"
    for minor in $(seq 5 28); do options+=(--platform "manylinux_2_${minor}_x86_64"); done
    options+=(--platform manylinux2014_x86_64 --platform linux_x86_64)
    options+=(--implementation cp --python-version 3.11 --abi cp311 --abi none --only-binary=:all:)
    # On a terminal pip shows how far it is.
    local shown=/dev/stdout
    [ -t 1 ] || shown=/dev/null
    PIP_REQUIRE_VIRTUALENV=0 PIP_RETRIES=${PIP_RETRIES:-2} \
        python3 -m pip download --no-deps --no-cache-dir --disable-pip-version-check "${options[@]}" \
        --require-hashes --requirement "$pin" --dest "$wheels" 2>"$log" >"$shown" &&
        return
    explain_pip "$1 $2" "$log"
}

# Turns pip's pages into the one sentence that helps.
explain_pip() {
    if grep -q "DO NOT MATCH THE HASHES" "$2"; then
        die "the checksum of $1 is wrong: the package index has another file than the pinned one; use another index" \
            "(PIP_INDEX_URL)."
    elif grep -q "No space left on device" "$2"; then
        die "the disk filled up while $1 was fetched; make room in $cache and in ${TMPDIR:-/tmp}, and run ./setup.sh again."
    elif grep -qE "NewConnectionError|ConnectTimeout|Read timed out|ProxyError|Connection (broken|aborted)|Max retries" "$2"; then
        die "the package index cannot be reached for $1; check the network and pip's settings (PIP_INDEX_URL," \
            "PIP_PROXY), and run ./setup.sh again."
    elif grep -q "No matching distribution" "$2"; then
        die "the package index does not have $1, or cannot be reached; check the network, or use another index" \
            "(PIP_INDEX_URL)."
    fi
    die "pip could not fetch $1: $(grep -v '^ *$' "$2" | tail -n 1)"
}

# Unpacks into a folder beside the final one and renames it last.
unpack_wheels() {
    local name number sum files=()
    while read -r name number sum <&3; do
        files+=("$(wheel_of "$name" "$number")")
    done 3< <(requirements "scripts/libtorch-$flavour.txt")
    say "unpacking into $layout"
    python3 - "$flavour" "$version" "$layout.part" "${files[@]}" <<'PYTHON' || die "the wheels cannot be unpacked into $cache (see above); make room there, and run ./setup.sh again."
import pathlib, shutil, sys, zipfile

flavour, version, part, *wheels = sys.argv[1:]
part = pathlib.Path(part)
CPU_LIBRARIES = {
    "libc10.so", "libtorch_cpu.so", "libgomp.so.1", "libtorch_global_deps.so", "libshm.so",
    "libcudart.so.13", "libcupti.so.13",
}


def target(name):
    """Where a file of a wheel goes, or None."""
    path = pathlib.PurePosixPath(name)
    if name.endswith("/") or ".." in path.parts or path.is_absolute():
        return None
    wanted = name == "torch/version.py" or path.parts[:2] in [("torch", d) for d in ("include", "lib", "share")]
    if flavour == "cuda":
        # The libraries find each other by their places relative to torch/lib, so these are kept.
        return part / path if wanted or path.parts[0] == "nvidia" else None
    if path.suffix == ".so" or ".so." in path.name:
        return part / "lib" / path.name if path.name in CPU_LIBRARIES else None
    if wanted and path.parts[1] != "lib":
        return part.joinpath(*path.parts[1:])
    return None


def unpack():
    shutil.rmtree(part, ignore_errors=True)
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for info in archive.infolist():
                path = target(info.filename)
                if path is None:
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(info) as source, open(path, "wb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
                if ".so" in path.name:
                    path.chmod(0o755)


def finish():
    root = part / "torch" if flavour == "cuda" else part
    if flavour == "cpu":
        # In place of the real one, which would pull in the CUDA libraries.
        (root / "lib" / "libtorch.so").write_text("INPUT ( libtorch_cpu.so )\n")
        missing = CPU_LIBRARIES - {path.name for path in (root / "lib").iterdir()}
        if missing:
            sys.exit("the wheels do not hold " + ", ".join(sorted(missing)))
    # torch-sys compares build-version with the version that it was written for.
    (root / "build-version").write_text(version + "\n")
    (root / "VERSION").write_text(f"libtorch {version} {flavour}\n")


try:
    unpack()
    finish()
except (OSError, zipfile.BadZipFile) as error:
    sys.exit(str(error))
PYTHON
    mv "$layout.part" "$layout"
    rm -f "${files[@]}"
}

link_libtorch() {
    local wanted=$layout before
    if [ "$flavour" = cuda ]; then wanted=$layout/torch; fi
    before=$(readlink .libtorch 2>/dev/null || true)
    [ "$before" != "$wanted" ] || return 0
    ln -sfn "$wanted" .libtorch
    # Cargo sees the same path as before, and would keep what was built against the other libraries.
    if [ -n "$before" ] && [ -d target ]; then cargo clean --quiet -p torch-sys -p tch -p zoo-native; fi
}

# --- Engines ---------------------------------------------------------------------------------------------------------

# Whether the pinned libraries are laid out: the pins are left beside them, as the last thing.
engines_are_there() { cmp --quiet scripts/engines.txt "$cache/engines/pins.txt" 2>/dev/null; }

set_up_engines() {
    if engines_are_there; then
        say "ONNX Runtime and OpenVINO are in $cache/engines"
        return
    fi
    say "fetching ONNX Runtime and OpenVINO into $cache"
    fetch_wheels scripts/engines.txt
    local name number sum files=()
    while read -r name number sum <&3; do
        files+=("$(wheel_of "$name" "$number")")
    done 3< <(requirements scripts/engines.txt)
    python3 - "$cache/engines.part" "${files[@]}" <<'PYTHON' || die "the wheels cannot be unpacked into $cache (see above); make room there, and run ./setup.sh --engines again."
import pathlib, shutil, sys, zipfile

part, *wheels = sys.argv[1:]
part = pathlib.Path(part)
# What reads ONNX and runs it on a CPU; names go on with a version.
WANTED = {
    "onnxruntime/capi": ("libonnxruntime.so",),
    "openvino/libs": (
        "libopenvino.so", "libopenvino_c.so", "libopenvino_intel_cpu_plugin.so", "libopenvino_onnx_frontend.so",
        "libtbb.so", "libtbbbind_2_5.so", "libtbbmalloc.so", "libhwloc.so",
    ),
}

try:
    shutil.rmtree(part, ignore_errors=True)
    missing = {name for names in WANTED.values() for name in names}
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for info in archive.infolist():
                folder, _, name = info.filename.rpartition("/")
                stem = name.partition(".so")[0] + ".so"
                if stem not in WANTED.get(folder, ()):
                    continue
                path = part / folder.split("/")[0] / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(info) as source, open(path, "wb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
                path.chmod(0o755)
                missing.discard(stem)
    if missing:
        sys.exit("the wheels do not hold " + ", ".join(sorted(missing)))
except (OSError, zipfile.BadZipFile) as error:
    sys.exit(str(error))
PYTHON
    cp scripts/engines.txt "$cache/engines.part/pins.txt"
    rm -rf "$cache/engines"
    mv "$cache/engines.part" "$cache/engines"
    rm -f "${files[@]}"
}

# --- The rest --------------------------------------------------------------------------------------------------------

build() {
    say "building zoo-train ($profile)"
    cargo build "${cargo_profile[@]}" -p zoo-train ||
        die "the build failed (see above); fix what cargo complains of, and run ./setup.sh again."
}

fetch_data() {
    say "fetching CIFAR-10"
    cargo run --quiet "${cargo_profile[@]}" -p zoo-train -- data get cifar10 ||
        die "CIFAR-10 could not be fetched (see above); everything else is ready, and ./setup.sh --no-data does without."
}

# Two runs at once would unpack into the same folder.
lock_cache() {
    mkdir -p "$cache" 2>/dev/null || die "$cache cannot be made; change its permissions, or set XDG_CACHE_HOME."
    have flock || return 0
    exec 9>"$cache/.setup.lock" || die "$cache cannot be written to; change its permissions, or set XDG_CACHE_HOME."
    flock --nonblock 9 || {
        say "waiting for another setup.sh"
        flock 9
    }
}

flavour=cpu engines=no data=yes profile=release
while [ $# -gt 0 ]; do
    case $1 in
        --cuda) flavour=cuda ;;
        --engines) engines=yes ;;
        --no-data) data=no ;;
        --profile)
            [ $# -ge 2 ] || wrong_usage "--profile needs release or dev"
            profile=$2
            shift
            ;;
        --profile=*) profile=${1#*=} ;;
        --help | -h)
            usage
            exit 0
            ;;
        *) wrong_usage "there is no option $1" ;;
    esac
    shift
done
case $profile in
    release) cargo_profile=(--release) ;;
    dev) cargo_profile=(--profile dev) ;;
    *) wrong_usage "--profile is release or dev, and not $profile" ;;
esac

[ -n "${XDG_CACHE_HOME:-}${HOME:-}" ] || die "neither HOME nor XDG_CACHE_HOME is set; set one of them."
case ${XDG_CACHE_HOME:-} in /*) cache=$XDG_CACHE_HOME/zoo ;; *) cache=${HOME:?}/.cache/zoo ;; esac
version=$(sed -n 's/^torch==\([0-9.]*\).*/\1/p' "scripts/libtorch-$flavour.txt")
layout=$cache/libtorch-$version-$flavour
wheels=$cache/wheels

check_platform
check_tools
check_space
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'die "interrupted; run ./setup.sh again to go on."' INT TERM
lock_cache
set_up_libtorch
if [ "$engines" = yes ]; then set_up_engines; fi
exec 9>&- # Cargo has locks of its own.
build
if [ "$data" = yes ]; then fetch_data; fi
say "ready: cargo run --release -p zoo-train -- --model efficientnet-b0"
