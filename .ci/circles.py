#!/usr/bin/env python3
"""The modules of src form no circle.

An arrow goes from a file to the file that defines a name which it imports or names by
its path. A name that a `mod.rs` re-exports is followed to its file. Tests and
documentation links do not count. Neither do arrows between a module and the modules
inside it: the root of a module holds its main type, which its parts extend.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path("src")
TREE = re.compile(r"\b(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);")
PATH = re.compile(r"(?<![\w:])[a-z_]\w*(?:::\w+)+")


def code(text: str) -> str:
    """The text without comments, strings, tests and what only rustdoc reads."""
    text = re.sub(r"(?m)^\s*//[^\n]*", "", text)
    text = re.sub(r"b?'(?:\\.|[^'\\])'", "' '", text)
    text = re.sub(r'r#".*?"#|"(?:\\.|[^"\\])*"', '""', text, flags=re.S)
    text = re.sub(r"//[^\n]*", "", text)
    text = re.split(r"#\[cfg\((?:all\()?test\b[^\]]*\]\s*mod tests", text)[0]
    return re.sub(r"#\[cfg\(doc\)\]\s*use[^;]+;", "", text)


def leaves(tree: str, prefix: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], str]]:
    """The paths of a `use`, each with the name that it brings in."""
    tree = tree.strip()
    if tree.endswith("}"):
        head, _, inside = tree.partition("{")
        prefix += tuple(part for part in head.split("::") if part.strip())
        parts, depth, start = [], 0, 0
        inside = inside[:-1]
        for place, letter in enumerate(inside):
            depth += {"{": 1, "}": -1}.get(letter, 0)
            if letter == "," and not depth:
                parts.append(inside[start:place])
                start = place + 1
        parts.append(inside[start:])
        return [leaf for part in parts if part.strip() for leaf in leaves(part, prefix)]
    path, _, alias = tree.partition(" as ")
    path = prefix + tuple(part.strip() for part in path.split("::"))
    if path[-1] == "self":
        path = path[:-1]
    return [(path, alias.strip() or path[-1])]


def module(path: pathlib.Path) -> tuple[str, ...]:
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[-1] in ("mod", "lib") or (len(parts) > 1 and parts[-1] == parts[-2]):
        parts = parts[:-1]
    return parts


FILES = {module(path): code(path.read_text()) for path in sorted(ROOT.rglob("*.rs")) if path.stem != "tests"}
FROM = {"crate": lambda _: (), "self": lambda here: here, "super": lambda here: here[:-1]}
EXPORTS: dict[tuple[str, ...], dict[str, tuple[str, ...]]] = {}


def absolute(here: tuple[str, ...], path: tuple[str, ...]) -> tuple[str, ...] | None:
    """The path from the root of the crate; `None` for another crate's."""
    if path[0] == "":
        return None
    if path[0] in FROM:
        base = FROM[path[0]](here)
        rest = path[1:]
        while rest and rest[0] == "super":
            base, rest = base[:-1], rest[1:]
        return base + rest
    return here + path if here + path[:1] in FILES else None


def target(path: tuple[str, ...]) -> tuple[str, ...]:
    """The module that defines what `path` names."""
    for _ in range(8):
        length = max(n for n in range(len(path) + 1) if path[:n] in FILES)
        found, rest = path[:length], path[length:]
        exported = EXPORTS[found].get(rest[0]) if rest else None
        if exported is None:
            return found
        path = exported + rest[1:]
    return found


for here, text in FILES.items():
    names = EXPORTS[here] = {}
    for public, tree in TREE.findall(text):
        for path, name in leaves(tree):
            if public and (place := absolute(here, path)) is not None:
                names[name] = place


def arrows(here: tuple[str, ...]) -> set[tuple[str, ...]]:
    found = set()
    text = FILES[here]
    for public, tree in TREE.findall(text):
        if not public:
            found.update(absolute(here, path) for path, _ in leaves(tree))
    for path in PATH.findall(TREE.sub("", text)):
        found.add(absolute(here, tuple(path.split("::"))))
    # Names that are re-exported and used here.
    body = TREE.sub("", text)
    for name, path in EXPORTS[here].items():
        if name != "*" and re.search(rf"\b{name}\b", body):
            found.add(path)
    found = {target(path) for path in found if path is not None} - {here}
    return {there for there in found if not is_inside(here, there) and not is_inside(there, here)}


def is_inside(part: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    return part[: len(whole)] == whole


GRAPH = {here: arrows(here) for here in FILES}


def circles() -> list[list[tuple[str, ...]]]:
    """The strongly connected parts of more than one module, by Tarjan's algorithm."""
    index, low, stack, found = {}, {}, [], []

    def visit(node: tuple[str, ...]) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in GRAPH[node]:
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            part = stack[stack.index(node):]
            del stack[stack.index(node):]
            if len(part) > 1:
                found.append(sorted(part))

    for node in GRAPH:
        if node not in index:
            visit(node)
    return found


if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    found = circles()
    for circle in found:
        print("a circle of modules:", file=sys.stderr)
        for here in circle:
            to = ", ".join("::".join(other) or "crate" for other in sorted(GRAPH[here] & set(circle)))
            print(f"  {'::'.join(here) or 'crate'} -> {to}", file=sys.stderr)
    print(f"{len(FILES)} modules, {sum(map(len, GRAPH.values()))} arrows, {len(found)} circles")
    sys.exit(bool(found))
