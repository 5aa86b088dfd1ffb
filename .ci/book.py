"""Checks the pages: links, anchors, the table of contents, pictures and worn phrases.

A relative link of a tracked page must lead to a tracked file, and its anchor to a heading there.
`docs/SUMMARY.md` must name each page of `docs/` once. A picture must be well-formed XML.
"""

import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parent.parent
#: Not part of the book: the contents themselves, and what mdBook is configured by.
OUTSIDE = {"docs/SUMMARY.md"}
FENCE = re.compile(r"^( {0,3})(`{3,}|~{3,}).*?^\1\2\s*$", re.M | re.S)
CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.S)
INLINE = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^\s)>]+)>?[^)]*\)")
DEFINED = re.compile(r"^\s{0,3}\[([^\]]+)\]:\s*(\S+)", re.M)
BY_NAME = re.compile(r"\[[^\[\]]+\]\[([^\[\]]+)\]")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$", re.M)
ELSEWHERE = re.compile(r"^[a-z][a-z+.-]*:")
#: Phrases of which `docs/writing.md` says what to write instead; that page quotes them.
WORN = r"the own |of before|[Ww]hoever|\bshall\b|nobody's|in vain|to be had|all the same|[Ss]ays whether|is good for"
MOST_WORN = 10


def tracked() -> list[str]:
    """The files of the repository; without git, all but what a build makes."""
    command = ["git", "ls-files"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return listed.stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        made = {".git", "target", "node_modules", ".venv", "__pycache__"}
        found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        return [str(path) for path in found if made.isdisjoint(path.parts)]


def prose(page: str) -> str:
    return FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))


def anchors(page: str) -> set[str]:
    """The anchors of the headings, as code hosts and mdBook make them."""
    found: set[str] = set()
    for heading in HEADING.findall(prose(page)):
        words = re.sub(r"\[([^\]]*)\](\([^)]*\)|\[[^\]]*\])", r"\1", heading)
        words = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        name, again = words, 0
        while name in found:
            again += 1
            name = f"{words}-{again}"
        found.add(name)
    return found


def links(page: str) -> list[str]:
    text = CODE.sub("", prose(page))
    return INLINE.findall(text) + [target for _, target in DEFINED.findall(text)]


def undefined(page: str) -> list[str]:
    text = CODE.sub("", prose(page))
    names = {name.lower() for name, _ in DEFINED.findall(text)}
    return [name for name in BY_NAME.findall(text) if name.lower() not in names]


files = set(tracked())
folders = {str(parent) for file in files for parent in pathlib.PurePath(file).parents}
pages = [file for file in sorted(files) if file.endswith(".md")]
wrong: list[str] = []
count = 0
for page in pages:
    wrong += [f"{page}: [{name}] is not defined" for name in undefined(page)]
    for link in links(page):
        # `::` is in names of the reference, which rustdoc checks.
        if ELSEWHERE.match(link) or "::" in link:
            continue
        count += 1
        path, _, anchor = link.partition("#")
        relative = (ROOT / page).parent / path if path else ROOT / page
        try:
            target = str(relative.resolve().relative_to(ROOT))
        except ValueError:
            target = ""
        if target not in files | folders:
            wrong.append(f"{page}: {link} leads nowhere")
        elif anchor and target.endswith(".md") and anchor not in anchors(target):
            wrong.append(f"{page}: {link} names no heading")

contents = [f"docs/{link}" for link in links("docs/SUMMARY.md")]
book = [page for page in pages if page.startswith("docs/") and page not in OUTSIDE]
wrong += [f"docs/SUMMARY.md lacks {page}" for page in book if page not in contents]
wrong += [f"docs/SUMMARY.md names {page} twice" for page in set(contents) if contents.count(page) > 1]

pictures = [file for file in sorted(files) if file.endswith(".svg")]
for picture in pictures:
    try:
        xml.parse(ROOT / picture)
    except xml.ParseError as error:
        wrong.append(f"{picture}: {error}")

worn = [
    f"{file}: {line.strip()}"
    for file in sorted(files)
    if file.endswith(".md") or (file.startswith("src/") and file.endswith(".rs"))
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines()
    if re.search(WORN, line)
]
if len(worn) > MOST_WORN:
    wrong += worn

print(
    f"{len(pages)} pages, {count} links between them, {len(book)} pages in the book,"
    f" {len(pictures)} pictures, {len(worn)} lines with worn phrases"
)
sys.exit("\n".join(wrong) or None)
