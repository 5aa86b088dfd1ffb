"""Fails when a table of the reference lacks a name of the code, or has one that the code lacks.

The names are those of a `named!` or `problems!` enum; a table has them in its first column, and the
codes also their status.
"""

import http
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
VARIANT = re.compile(r'^\s*[A-Z]\w* => "(\w+)"(?:, ([A-Z_]+),)?', re.M)
ROW = re.compile(r"^\| `(\w+)` \| ([^|]*) \|", re.M)

#: Statuses that Python calls otherwise.
OTHER_NAMES = {"PAYLOAD_TOO_LARGE": "REQUEST_ENTITY_TOO_LARGE"}
#: The enum with the names, its file, and the page and heading of its table.
TABLES = [
    ("problems!", "src/http/problem_code.rs", "docs/errors.md", "# Errors"),
    ("pub enum Operation", "src/event.rs", "docs/events.md", "## Operations"),
    ("pub enum Notice", "src/event.rs", "docs/events.md", "## Notices"),
    ("pub enum MailKind", "src/mail/kind.rs", "docs/events.md", "## Mails"),
]


def between(text: str, start: str, end: str) -> str:
    """What follows the line that begins with `start`, up to the next `end`."""
    found = re.search(rf"^\s*{re.escape(start)}\b", text, re.M) or re.search(
        rf"^{re.escape(start)} \{{", text, re.M
    )
    if found is None:
        sys.exit(f"`{start}` is not there any more")
    return text[found.end() :].split(end)[0]


def status_of(name: str) -> str:
    return str(http.HTTPStatus[OTHER_NAMES.get(name, name)].value)


wrong: list[str] = []
total = 0
for enum, source, page, heading in TABLES:
    code = (ROOT / source).read_text(encoding="utf-8")
    variants = VARIANT.findall(between(code, enum, "\n    }\n" if "pub enum" in enum else "\n}\n"))
    rows = ROW.findall(between((ROOT / page).read_text(encoding="utf-8"), heading, "\n## "))
    if not variants or not rows:
        wrong.append(f"{source} or {page}: no names were found for `{enum}`")
    total += len(variants)
    names, listed = [name for name, _ in variants], [name for name, _ in rows]
    wrong += [f"{page}, {heading}: {name} is missing" for name in names if name not in listed]
    wrong += [f"{page}, {heading}: {name} is not in {source}" for name in listed if name not in names]
    wrong += [f"{page}, {heading}: {name} is there twice" for name in set(listed) if listed.count(name) > 1]
    said = dict(rows)
    for name, status in variants:
        if status and said.get(name) not in (None, status_of(status)):
            wrong.append(f"{page}: {name} has the status {status_of(status)}, not {said[name]}")

print(f"{total} names of {len(TABLES)} tables")
sys.exit("\n".join(wrong) or None)
