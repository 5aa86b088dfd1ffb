"""Fails when a page of the reference links to a file of the repository.

The README and the pages of docs/ are part of the reference, where their relative links lead
nowhere. Each has a definition in src/lib.rs or src/guide.rs that leads to a page of the
reference or to an address. Images are left out: screenshots are in the repository only.
"""

import os
import pathlib
import re
import sys

DOC = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "doc" / "admittance"
OF_THE_REPOSITORY = re.compile(r'<a href="(?![a-z]+:)([^"#]*\.(?:md|rs|json|toml|py|svg))(?:#[^"]*)?"')

pages = sorted(DOC.rglob("*.html"))
found = [
    f"{page.relative_to(DOC)}: {link}"
    for page in pages
    for link in OF_THE_REPOSITORY.findall(page.read_text(encoding="utf-8"))
]
print(f"{len(pages)} pages of the reference, {len(found)} links that lead nowhere")
sys.exit("\n".join(found) or (None if pages else "there are no pages"))
