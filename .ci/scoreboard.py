"""Fills the table in docs/security.md from docs/requirements.tsv and the tests.

A test is named after the requirements that it proves: asvs_6_2_8_…, ghsa_15_….
With --check it fails when the table is out of date, when a requirement that is
not marked as open has no test, when a test names a requirement that is not
listed, or when a test that docs/faults.md names does not exist.
"""

import pathlib
import re
import sys

START, END = "<!-- scoreboard -->", "<!-- /scoreboard -->"


def requirements_of(name):
    kind, numbers, found = None, [], []
    for part in name.split("_") + [""]:
        if part.isdigit():
            numbers.append(part)
            if kind == "ghsa":
                found.append("G" + numbers.pop())
            elif len(numbers) == 3:
                found.append("V" + ".".join(numbers))
                numbers = []
        elif part in ("asvs", "ghsa"):
            kind, numbers = part, []
        elif part != "and":
            break
    return found


def tests():
    named = {}
    for folder in ("src", "tests"):
        for path in sorted(pathlib.Path(folder).rglob("*.rs")):
            text = path.read_text(encoding="utf-8")
            for name in re.findall(r"fn ((?:asvs|ghsa)_\w+)", text):
                for requirement in requirements_of(name):
                    named.setdefault(requirement, []).append((name, path))
    return named


def missing_faults():
    """The tests that the last column of docs/faults.md names and that do not exist."""
    exist = set()
    for folder in ("src", "tests", "examples"):
        for path in pathlib.Path(folder).rglob("*.??*"):
            if path.suffix in (".rs", ".py"):
                text = path.read_text(encoding="utf-8")
                exist.update(re.findall(r"(?:fn|def) (\w+)", text))
    page = pathlib.Path("docs/faults.md").read_text(encoding="utf-8")
    rows = [line.rstrip(" |").split("|")[-1] for line in page.splitlines() if line[:2] == "| "]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    return [f"docs/faults.md: there is no test {name}" for name in named if name not in exist]


def table(rows, named):
    lines = ["| line | requirement | shown by |", "|---|---|---|"]
    for requirement, text, still in rows:
        label = requirement[1:] if requirement[0] == "V" else f"§3 {requirement[1:]}"
        found = sorted({f"`{name}`" for name, _ in named.get(requirement, [])})
        shown = "<br>".join(found + ([f"*{still}*"] if still else []))
        lines.append(f"| {label} | {text} | {shown} |")
    return "\n".join(lines)


def main():
    source = pathlib.Path("docs/requirements.tsv").read_text(encoding="utf-8")
    rows = [(line + "\t\t").split("\t")[:3] for line in source.splitlines()]
    named = tests()
    listed = {row[0] for row in rows}
    problems = [
        f"{row[0]} {row[1]}: no test" for row in rows if not row[2] and row[0] not in named
    ] + [f"{one} is not listed: {named[one][0][0]}" for one in sorted(set(named) - listed)]
    problems += missing_faults()

    page = pathlib.Path("docs/security.md")
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(START)
    filled = f"{before}{START}\n\n{table(rows, named)}\n\n{END}{rest.split(END)[1]}"
    if "--check" in sys.argv:
        if filled != text:
            problems.append("docs/security.md is out of date: run python3 .ci/scoreboard.py")
    else:
        page.write_text(filled, encoding="utf-8")
    shown = sum(1 for row in rows if row[0] in named)
    print(f"{shown} of {len(rows)} lines are shown by {len({n for v in named.values() for n, _ in v})} tests")
    sys.exit("\n".join(problems) or None)


main()
