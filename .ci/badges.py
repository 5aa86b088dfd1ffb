"""Fails when a feature has no badge in the reference that was built with `--cfg docsrs`.

The argument is the folder of that reference. Features that add no public item are left out.
"""

import json
import pathlib
import re
import subprocess
import sys

# A choice of the backend, and what only the examples use.
WITHOUT_ITEMS = {"default", "aws-lc-rs", "rust-crypto", "example-metrics"}

metadata = subprocess.run(
    ["cargo", "metadata", "--no-deps", "--format-version", "1"], check=True, capture_output=True
)
packages = json.loads(metadata.stdout)["packages"]
package = next(package for package in packages if package["name"] == "admittance")
wanted = set(package["features"]) - WITHOUT_ITEMS

badge = re.compile(r'class="stab portability".*?Available on (.*?)</span>', re.S)
named = set()
for page in pathlib.Path(sys.argv[1]).rglob("*.html"):
    for text in badge.findall(page.read_text(encoding="utf-8")):
        named.update(re.findall(r"<code>([\w-]+)</code>|<strong>([\w-]+)</strong>", text))
named = {"".join(either) for either in named}
missing = sorted(wanted - named)
print(f"{len(wanted)} features with items, {len(missing)} without a badge")
sys.exit("no badge for " + ", ".join(missing) if missing else None)
