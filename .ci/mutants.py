#!/usr/bin/env python3
"""Mutation testing of the modules that security rests on, in one build.

cargo-mutants lists the mutants: a small change of the code that a test should notice.
It would build the crate once for each. Here a copy of the crate gets all of them, each
behind a switch that the variable `MUTANT` turns on by its number, and is built once.
Each test runs once to learn which mutants it reaches; then each mutant meets only the
tests that reach it, until one fails.

Run it from the root of the repository: `python3 .ci/mutants.py`. It can be stopped at
any time and goes on where it was; its state is in `target/mutants`. What was found of a
mutant holds until the lines around it change. Mutants come in a random order, so a part
of a run is a fair sample. A mutant that was missed meets the tests that it has not met
when the script runs again, so more programs can be added later by `--programs`; with
`--again` it meets all of them again, after tests were changed. `--report` prints the
figures alone.

A process of tests that fails or takes too long has caught its mutant. Under load, one may
do so without a reason: `--confirm` runs each failed test again, one at a time, and gives
the mutants back that it does not catch a second time.

Not made are mutants of constants, for which a switch cannot be written, and of conditions
with `let`, which do not compile. Another one that does not compile is "not viable".
"""

import argparse
import collections
import concurrent.futures
import fnmatch
import hashlib
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from mutants_source import with_mutants

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
STATE = TARGET / "mutants"
COPY = STATE / "src-tree"
ENVIRONMENT = os.environ | {"CARGO_TARGET_DIR": str(TARGET), "CARGO_INCREMENTAL": "0", "RUST_BACKTRACE": "0"}

FILES = [
    "src/service/**", "src/token/**", "src/session.rs", "src/lockout.rs", "src/limit.rs", "src/authz.rs",
    "src/password/**", "src/http/origin.rs", "src/http/transport.rs", "src/http/cookie.rs",
    "src/http/client_ip.rs",
]
# Tables of data and a file format, which their own programs test.
LATER = ["src/password/words/*", "src/password/breach/*"]
PROGRAMS = ["lib", "service", "http", "jwt"]
# Seconds that a test may take to be used at all, and to be waited for when it is tried.
SLOW, PATIENCE = 20, 60
# Tests that start other programs, in which the switch is a different one or missing.
STARTS_SERVERS = re.compile(r"contract::(all_combinations|\w+_over_|bounds|outage)")
# Tests that a mutant meets in one process: the first, the second, and any other time.
GROUPS = [6, 20, 40]
MEMORY = 6 << 30
# Why a mutant is not made although it would compile.
OF_A_CONSTANT = "a constant calls the function"
LOCK = threading.Lock()

SWITCH = """\
//! The switch of the mutants.
#![allow(warnings)]
use std::{env, fs, io::Write, sync::LazyLock, sync::atomic::{AtomicBool, Ordering::Relaxed}};

static CHOSEN: LazyLock<u32> =
    LazyLock::new(|| env::var("MUTANT").ok().and_then(|text| text.parse().ok()).unwrap_or(0));
static HITS: LazyLock<Option<String>> = LazyLock::new(|| env::var("MUTANT_HITS").ok());
static HIT: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];

/// Whether this mutant is the chosen one.
pub fn on(number: u32) -> bool {
    if let Some(path) = &*HITS && !HIT[number as usize].swap(true, Relaxed) {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(format!("{number}\\n").as_bytes()).unwrap();
    }
    *CHOSEN == number
}

/// One of two iterators.
pub enum Either<A, B> {
    A(A),
    B(B),
}

impl<A: Iterator, B: Iterator<Item = A::Item>> Iterator for Either<A, B> {
    type Item = A::Item;

    fn next(&mut self) -> Option<A::Item> {
        match self {
            Self::A(one) => one.next(),
            Self::B(other) => other.next(),
        }
    }
}

/// Whether none of these is.
pub fn off(numbers: &[u32]) -> bool {
    numbers.iter().fold(true, |off, number| !on(*number) && off)
}
"""


def say(*words: object) -> None:
    """A line with the time."""
    print(time.strftime("%H:%M:%S"), *words, flush=True)


def with_tree_sitter() -> None:
    """Goes on under a Python that has tree-sitter, from an environment made for it."""
    venv = TARGET / "tmp" / "mutants-venv"
    python = venv / "bin" / "python"
    if pathlib.Path(sys.prefix).resolve() == venv.resolve():
        return
    if not (venv / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "tree-sitter", "tree-sitter-rust"]
        subprocess.run(install, check=True)
        (venv / "ready").touch()
    os.execv(python, [python, *sys.argv])


# The list


def listed(files: list[str]) -> list[dict]:
    """The mutants of cargo-mutants in these files, numbered from 1."""
    if not shutil.which("cargo-mutants"):
        subprocess.run(["cargo", "install", "cargo-mutants", "--locked"], check=True)
    command = ["cargo", "mutants", "--list", "--json"]
    for pattern in files:
        command += ["-f", pattern]
    text = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    members = ("name", "file", "genre", "replacement", "span", "function")
    mutants, seen = [], collections.Counter()
    for number, one in enumerate(json.loads(text), 1):
        # The change and the lines around it, wherever in the file they are.
        change = re.sub(r"(?m)^@@.*$", "", one["diff"])
        key = hashlib.sha256(f"{one['file']} {change}".encode()).hexdigest()[:16]
        seen[key] += 1
        one = {member: one.get(member) for member in members}
        mutants.append(one | {"number": number, "key": f"{key}-{seen[key]}"})
    return mutants


# The rewriting


def write_if_new(path: pathlib.Path, data: bytes) -> None:
    """Keeps the time of a file that has not changed, so that Cargo does not build it again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_bytes() != data:
        path.write_bytes(data)


def rewrite(mutants: list[dict], dropped: dict[str, str]) -> dict[str, str]:
    """Writes the copy with all mutants but the dropped; why others were not made, by key."""
    import tree_sitter
    import tree_sitter_rust

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_rust.language()))
    not_made = {}
    by_file = collections.defaultdict(list)
    for one in mutants:
        by_file[one["file"]].append(one)
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    for name in names.stdout.splitlines():
        data = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b""
        if name.endswith("Cargo.toml"):
            data = re.sub(rb"\[lints\]\nworkspace = true\n", b"", data)
        if name == "Cargo.toml":
            data += b"\n[profile.dev.package.admittance]\nopt-level = 1\n"
        if name in by_file:
            viable = [one for one in by_file[name] if one["key"] not in dropped]
            data, others = with_mutants(parser, data, viable)
            not_made |= others
        if name == "src/lib.rs":
            data += b"\n#[doc(hidden)]\npub mod mutant;\n"
        write_if_new(COPY / name, data)
    count = str(len(mutants) + 1)
    write_if_new(COPY / "src/mutant.rs", SWITCH.replace("COUNT", count).encode())
    return not_made


# The build


def blamed(message: dict) -> set[str]:
    """The numbers of the mutants that an error of the compiler is about."""
    spans = []
    for span in message["spans"]:
        while span:
            spans.append(span)
            span = (span.get("expansion") or {}).get("span")
    spans.sort(key=lambda span: not span["is_primary"])
    wide: set[str] = set()
    for span in spans:
        path = COPY / span["file_name"]
        if not path.is_relative_to(COPY) or not path.exists():
            continue
        data, low, high = path.read_bytes(), span["byte_start"], span["byte_end"]
        for opening, closing in (rb"<>", rb"[]"):
            around = []
            for mark in re.finditer(rb"/\*" + re.escape(bytes([opening])) + rb"([\d, ]+)\*/", data):
                close = data.find(b"/*" + bytes([closing]) + mark[1] + b"*/", mark.end())
                if mark.start() <= low and high <= close:
                    around.append((close - mark.start(), mark[1].decode().split(", ")))
            if around and opening == ord("<"):
                return set(min(around)[1])
            if around and not wide:
                wide = set(min(around)[1])
        if not wide and span["is_primary"]:
            line = span["line_start"]
            text = data.split(b"\n")[line - 1]
            wide = set(re.findall(r"/\*<(\d+)\*/", text.decode()))
    return wide


def is_of(one: dict, function: str) -> bool:
    """Whether the mutant is of a function of this name."""
    return bool(one["function"]) and one["function"]["function_name"].split("::")[-1] == function


def build(mutants: list[dict], programs: list[str]) -> dict[str, str]:
    """Builds the programs of the copy, without the mutants that do not compile; their files."""
    dropped_file = STATE / "dropped.json"
    dropped = json.loads(dropped_file.read_text()) if dropped_file.exists() else {}
    keys = {str(one["number"]): one["key"] for one in mutants}
    command = ["cargo", "test", "--workspace", "--no-run", "--message-format=json"]
    command += ["--lib" if name == "lib" else f"--test={name}" for name in programs]
    while True:
        not_made = rewrite(mutants, dropped)
        say("building;", len(dropped), "not viable,", len(not_made), "not made")
        log = STATE / "cargo.log"
        with log.open("w") as errors:
            out = subprocess.run(
                command, cwd=COPY, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        messages = [json.loads(line) for line in out.stdout.splitlines() if line.startswith("{")]
        found = [m["message"] for m in messages if m["reason"] == "compiler-message"]
        found = [message for message in found if message["level"] == "error"]
        if out.returncode == 0:
            break
        bad = {keys[number]: message["message"] for message in found for number in blamed(message)}
        for message in found:
            # A constant calls a function that is not `const` here.
            if (message["code"] or {}).get("code") == "E0015" and (name := re.search(r"(\w+)` in", message["message"])):
                bad |= {one["key"]: OF_A_CONSTANT for one in mutants if is_of(one, name[1])}
        if not bad.keys() - dropped.keys():
            shown = "\n".join(message["rendered"] or message["message"] for message in found)
            sys.exit(f"{shown}\nno mutant is to blame; see also {log}")
        dropped |= bad
        dropped_file.write_text(json.dumps(dropped, indent=1))
    (STATE / "not_made.json").write_text(json.dumps(not_made, indent=1))
    executables = {}
    for message in messages:
        if message["reason"] == "compiler-artifact" and message["executable"] and message["profile"]["test"]:
            name = "lib" if message["target"]["name"] == "admittance" else message["target"]["name"]
            if name in programs:
                executables[name] = message["executable"]
    return executables


# The runs


def run(executable: str, program: str, names: list[str], seconds: float, **switch: str) -> tuple[str, list[str]]:
    """Whether these tests of one program have `passed`, `failed` or met the `timeout`.

    It ends at the first failure, and says which test that is; none if the process ended.
    """
    command = [executable, "--exact", "--test-threads=2", *names]
    package = COPY if program == "lib" else COPY / "tests"
    environment = ENVIRONMENT | {"CARGO_MANIFEST_DIR": str(package)} | switch
    with subprocess.Popen(
        command, cwd=package, env=environment, start_new_session=True, text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    ) as process:
        is_late = threading.Event()

        def kill() -> None:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

        def stop() -> None:
            is_late.set()
            kill()

        timer = threading.Timer(seconds, stop)
        timer.start()
        try:
            for line in process.stdout:
                if failed := re.search(r"\btest (\S+) \.\.\. FAILED", line):
                    return "failed", [failed[1]]
            status = process.wait()
        finally:
            timer.cancel()
            kill()
    if is_late.is_set():
        return "timeout", []
    return "passed" if status == 0 else "failed", []


def known_tests(executables: dict[str, str]) -> dict[str, dict]:
    """Each test that can be used: its program, its seconds and the mutants that it reaches."""
    tests = {}
    for program, executable in executables.items():
        stamp = f"{executable} {os.stat(executable).st_mtime_ns}"
        cache = STATE / f"tests-{program}.json"
        kept = json.loads(cache.read_text()) if cache.exists() else {}
        if kept.get("stamp") != stamp:
            text = subprocess.run([executable, "--list"], check=True, stdout=subprocess.PIPE, text=True).stdout
            names = re.findall(r"(?m)^(.+): test$", text)
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                reached = pool.map(lambda name: reach(executable, program, name), names)
                found = {f"{program} {name}": one for name, one in zip(names, reached)}
            kept = {"stamp": stamp, "tests": found}
            cache.write_text(json.dumps(kept))
            unused = [name for name, one in found.items() if "why" in one]
            say(program, len(found), "tests,", len(unused), "not used:", *unused)
        tests |= {name: one for name, one in kept["tests"].items() if "why" not in one}
    return tests


def reach(executable: str, program: str, name: str) -> dict:
    """What one test alone takes and reaches, or why it is not used."""
    if STARTS_SERVERS.match(name):
        return {"why": "starts servers"}
    with tempfile.TemporaryDirectory() as folder:
        hits = pathlib.Path(folder) / "hits"
        begin = time.monotonic()
        outcome, _ = run(executable, program, [name], PATIENCE, MUTANT_HITS=str(hits))
        seconds = time.monotonic() - begin
        if outcome == "failed":
            return {"why": "fails"}
        if outcome == "timeout" or seconds > SLOW:
            return {"why": "slow"}
        numbers = sorted({int(line) for line in hits.read_text().split()}) if hits.exists() else []
    return {"program": program, "seconds": round(seconds, 3), "hits": numbers}


def order_of_tests(one: dict, names: list[str], tests: dict[str, dict]) -> list[str]:
    """First the unit tests of the mutant's own module, and tests whose names have words of it.

    Then those that reach little, the quick ones first.
    """
    module = "::".join(pathlib.Path(one["file"]).with_suffix("").parts[1:]).removesuffix("::mod")
    function = (one["function"] or {}).get("function_name", "")
    words = {word[:5] for word in re.findall(r"[a-z]{4,}", f"{module} {function}")} - {"servi", "passw"}

    def key(name: str) -> tuple:
        shared = words & {word[:5] for word in re.findall(r"[a-z]{4,}", name.split(" ")[1])}
        cost = tests[name]["seconds"] * (20 + len(tests[name]["hits"]))
        return (not name.startswith(f"lib {module}::"), cost / (1 + len(shared)) ** 2)

    return sorted(names, key=key)


def judge(one: dict, names: list[str], tests: dict, executables: dict, survived: list[str], most: int) -> dict:
    """Runs the tests that reach the mutant until one fails; the line of the results."""
    begin = time.monotonic()
    left = [name for name in order_of_tests(one, names, tests) if name not in set(survived)][:most]
    done = list(survived)
    groups = iter(GROUPS)
    size = 0
    while left:
        size = next(groups, size)
        group, left = left[:size], left[size:]
        for program in sorted({tests[name]["program"] for name in group}, key=order_of_programs):
            chosen = [name for name in group if tests[name]["program"] == program]
            alone = [tests[name]["seconds"] for name in chosen]
            seconds = 10 + max(5 * max(alone), sum(alone))
            plain = [name.split(" ", 1)[1] for name in chosen]
            outcome, failed = run(executables[program], program, plain, seconds, MUTANT=str(one["number"]))
            if outcome != "passed":
                by = [f"{program} {name}" for name in failed] or chosen
                spent = round(time.monotonic() - begin, 1)
                return {"key": one["key"], "caught": outcome, "by": by, "seconds": spent}
            done += chosen
    return {"key": one["key"], "caught": None, "survived": done, "reached_by": len(names)}


def is_caught_again(one: dict, result: dict, tests: dict, executables: dict) -> bool | None:
    """Whether the tests that have caught the mutant do so once more; None if they are not known."""
    names = [name for name in result["by"] if name in tests]
    if not names:
        return None
    program = tests[names[0]]["program"]
    plain = [name.split(" ", 1)[1] for name in names]
    alone = [tests[name]["seconds"] for name in names]
    seconds = 20 + max(10 * max(alone), 2 * sum(alone))
    outcome, _ = run(executables[program], program, plain, seconds, MUTANT=str(one["number"]))
    return outcome != "passed"


def order_of_programs(program: str) -> tuple:
    """The unit tests are first."""
    return (program != "lib", program)


def results() -> dict[str, dict]:
    """The last line of each mutant, by its key."""
    path = STATE / "results.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return {one["key"]: one for one in map(json.loads, lines)}


def note(line: dict) -> None:
    """Adds a line to the results."""
    with LOCK, (STATE / "results.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def report(mutants: list[dict]) -> None:
    """The figures of each file and of all, and the names of the missed mutants."""
    dropped = json.loads((STATE / "dropped.json").read_text()) if (STATE / "dropped.json").exists() else {}
    not_made = json.loads((STATE / "not_made.json").read_text())
    found = results()
    table = collections.defaultdict(collections.Counter)
    missed = []
    for one in mutants:
        key, result = one["key"], found.get(one["key"])
        if key in not_made or dropped.get(key) == OF_A_CONSTANT:
            kind = "not made"
        elif key in dropped:
            kind = "not viable"
        elif result is None:
            kind = "not tried"
        else:
            kind = "caught" if result["caught"] else "missed"
        if kind == "missed":
            missed.append(f"{one['name']}  [{len(result['survived'])} of {result['reached_by']} tests]")
        for row in (one["file"], "all"):
            table[row][kind] += 1
    kinds = ["caught", "missed", "not viable", "not made", "not tried"]
    print(f"{'file':40}", *(f"{kind:>11}" for kind in kinds))
    for row in sorted(table, key=lambda row: (row == "all", row)):
        print(f"{row:40}", *(f"{table[row][kind]:>11}" for kind in kinds))
    print("\nmissed:", *missed, sep="\n")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--programs", default=",".join(PROGRAMS), help="test programs, by commas")
    options.add_argument("--later", action="store_true", help="the files that are left out at first, too")
    options.add_argument("--only", default="*", help="files whose mutants to run, as a pattern")
    options.add_argument("--minutes", type=float, default=10**6, help="stop after these")
    options.add_argument("--most", type=int, default=66, help="tests that a mutant meets in one run")
    options.add_argument("--again", action="store_true", help="give missed mutants all tests again")
    options.add_argument("--confirm", action="store_true", help="run what has caught a mutant once more, alone")
    options.add_argument("--report", action="store_true", help="print the figures of what was run")
    chosen = options.parse_args()
    with_tree_sitter()
    begin = time.monotonic()
    STATE.mkdir(parents=True, exist_ok=True)
    mutants = listed(FILES)
    if chosen.report:
        return report(mutants)
    executables = build(mutants, chosen.programs.split(","))
    tests = known_tests(executables)
    reaching = collections.defaultdict(list)
    for name, test in tests.items():
        for number in test["hits"]:
            reaching[number].append(name)
    left_out = {*json.loads((STATE / "not_made.json").read_text())}
    left_out |= {*json.loads((STATE / "dropped.json").read_text())} if (STATE / "dropped.json").exists() else set()
    random.Random(1).shuffle(mutants)
    before = results()
    mutants.sort(key=lambda one: one["key"] in before)

    def is_over() -> bool:
        return time.monotonic() - begin > 60 * chosen.minutes

    def confirm_one(one: dict) -> None:
        old = before.get(one["key"])
        if not old or not old["caught"] or old.get("confirmed") or is_over():
            return
        is_caught = is_caught_again(one, old, tests, executables)
        if is_caught:
            note(old | {"confirmed": True})
        elif is_caught is False:
            say("not caught again:", one["name"], old["by"])
            note({"key": one["key"], "caught": None, "survived": [], "reached_by": 0})

    def try_one(one: dict) -> None:
        old = before.get(one["key"])
        later = any(fnmatch.fnmatch(one["file"], pattern) for pattern in LATER)
        if one["key"] in left_out or (old and old["caught"]) or not fnmatch.fnmatch(one["file"], chosen.only):
            return
        if (later and not chosen.later) or is_over():
            return
        survived = old["survived"] if old and not chosen.again else []
        names = reaching[one["number"]]
        if old and not set(names) - set(survived):
            return
        note(judge(one, names, tests, executables, survived, chosen.most))

    say(len(tests), "tests;", "running")
    if chosen.confirm:
        for one in mutants:
            confirm_one(one)
    else:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(try_one, mutants))
    report(mutants)


if __name__ == "__main__":
    main()
