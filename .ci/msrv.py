"""Fails when a dependency asks for a newer Rust than the crate, or the feature that brings
the dependency, states as its minimum.

A feature states a minimum of its own in the comment above it in Cargo.toml: "Minimum Rust
1.94."
"""

import json
import re
import subprocess
import sys


def version(text):
    return tuple(int(part) for part in text.split(".")[:2])


def minimums():
    """Each feature that states a minimum, and the minimum."""
    comment, stated = "", {}
    for line in open("Cargo.toml"):
        if line.startswith("## "):
            comment = line
        elif (feature := re.match(r"([a-z0-9-]+) = \[", line)) and comment:
            if minimum := re.search(r"Minimum Rust (\d+\.\d+)", comment):
                stated[feature[1]] = version(minimum[1])
            comment = ""
    return stated


def output(*command):
    return subprocess.run(["cargo", *command], check=True, capture_output=True, text=True).stdout


def newer(features, minimum):
    """The dependencies that these features bring, and that need more than `minimum`."""
    # `cargo metadata` resolves the tests too, which turn every feature on.
    tree = output(
        *["tree", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"],
        *["--target", "all", "--no-default-features", "--features", ",".join(features)],
    )
    brought = {tuple(line.split()[:2]) for line in tree.splitlines() if line}
    print(f"{len(brought)} packages of {', '.join(features)}: minimum {'.'.join(map(str, minimum))}")
    return [
        f"{package['name']} {package['version']} needs {package['rust_version']}"
        for package in every["packages"]
        if (package["name"], f"v{package['version']}") in brought
        and package["rust_version"]
        and version(package["rust_version"]) > minimum
    ]


every = json.loads(output("metadata", "--format-version", "1", "--all-features", "--locked"))
package = next(one for one in every["packages"] if one["name"] == "admittance")
ours, stated = version(package["rust_version"]), minimums()
assert {"sqlite", "postgres"} <= stated.keys(), "the features that state a minimum are not found"
faults = newer(sorted(package["features"].keys() - stated.keys()), ours)
for feature, minimum in stated.items():
    faults += newer([feature], minimum)
sys.exit("\n".join(faults) or None)
