"""Fails when a page of the package links to a file that the package does not have.

A registry shows README.md without the repository, and `cargo package` leaves files out. Links
with a scheme, and those to items of the reference, are not followed.
"""

import pathlib
import re
import subprocess
import sys

LINK = re.compile(r"\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)", re.M)

listed = subprocess.run(
    ["cargo", "package", "--list", "--allow-dirty"], check=True, capture_output=True, text=True
)
files = set(listed.stdout.split())
folders = {str(parent) for file in files for parent in pathlib.PurePath(file).parents}
missing, links = [], 0
pages = sorted(file for file in files if file.endswith(".md"))
for page in pages:
    text = pathlib.Path(page).read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    for either in LINK.findall(text):
        link = "".join(either)
        if "::" in link or re.match(r"[a-z]+:|#", link):
            continue
        links += 1
        target = (pathlib.Path(page).parent / link.split("#")[0]).resolve()
        target = str(target.relative_to(pathlib.Path.cwd()))
        if target not in files and target not in folders:
            missing.append(f"{page}: {link}")
print(f"{len(pages)} pages of the package, {links} links within it, {len(missing)} lead nowhere")
sys.exit("\n".join(missing) or (None if links else "there are no links"))
