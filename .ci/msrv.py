"""Fails when a dependency asks for a newer Rust than the crate's own minimum."""

import json
import subprocess
import sys


def version(text):
    return tuple(int(part) for part in text.split("."))[:2]


command = ["cargo", "metadata", "--format-version", "1", "--all-features", "--locked"]
metadata = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
packages = {package["id"]: package for package in metadata["packages"]}
root = metadata["resolve"]["root"]
ours = version(packages[root]["rust_version"])

nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
reached, waiting = set(), [root]
while waiting:
    current = waiting.pop()
    if current in reached:
        continue
    reached.add(current)
    for dependency in nodes[current]["deps"]:
        if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"]):
            waiting.append(dependency["pkg"])

newer = [
    f"{package['name']} {package['version']} needs {package['rust_version']}"
    for package in (packages[one] for one in reached)
    if package["rust_version"] and version(package["rust_version"]) > ours
]
print(f"{len(reached)} packages, our minimum is {'.'.join(map(str, ours))}")
sys.exit("\n".join(newer) or None)
