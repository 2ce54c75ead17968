"""What no linter checks: one version, the size and the names of files, words that have no place in the tree, and the
tests that the documents name."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = (
    "core",
    "sandbox",
    "cli",
    "bridge",
    "bindings-python",
    "bindings-node",
    "tests",
    "demo",
    "examples",
    "scripts",
    "docs",
)
SUFFIXES = {".rs", ".py", ".pyi", ".ts", ".mjs", ".cjs", ".js", ".toml", ".md", ""}
CODE = {".rs", ".py", ".ts", ".mjs"}
NOT_OURS = {
    "node_modules",
    "dist",
    "__pycache__",
    "target",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
}
MOST_LINES = 450
UNWELCOME_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
# Written in two halves, so that this file does not find itself.
UNWELCOME_WORDS = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")


def files() -> list[Path]:
    found = [path for path in ROOT.iterdir() if path.is_file() and path.suffix in SUFFIXES]
    for folder in SOURCES:
        found += [path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix in SUFFIXES]
    return [path for path in found if not NOT_OURS & set(path.relative_to(ROOT).parts)]


def versions() -> dict[str, str]:
    cargo = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    return {
        "Cargo.toml": found(r'\[workspace\.package\]\nversion = "([^"]+)"', cargo),
        "Cargo.toml, dependencies": found(r'^cxone-actions = \{.*version = "([^"]+)"', cargo),
        "pyproject.toml": found(r'^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8")),
        "package.json": json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["version"],
        "package-lock.json": lock["packages"][""]["version"],
        "CHANGELOG.md": found(r"^## \[(\d[^\]]*)\]", changelog),
    }


def tests() -> set[str]:
    """The names of all tests, as they are written in their language or in a table of cases."""
    known = set()
    patterns = {
        ".rs": r"\bfn (\w+)",
        ".py": r"\bdef (test_\w+)",
        ".mjs": r"\btest\(\s*\"(\w+)",
        ".json": r"\"name\": \"(\w+)\"",
    }
    for folder in ("core/src", "core/tests", "sandbox/tests", "cli/src", "cli/tests", "bridge/src", "tests"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in patterns and not NOT_OURS & set(path.relative_to(ROOT).parts):
                known |= set(re.findall(patterns[path.suffix], path.read_text(encoding="utf-8")))
    return known


def promises() -> list[str]:
    """Every row of the tables of promises and of threats is there, and every test that it names."""
    known = tests()
    text = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    named = {int(row): names for row, names in re.findall(r"^\| (\d+) \|[^|]*\|([^|]*)\|", text, re.MULTILINE)}
    missing = {*range(1, 43), 44, 48, 49} - named.keys()
    out = [f"docs/reliability.md: no row {row}" for row in sorted(missing)]
    out += [f"docs/reliability.md: row {row} names no test" for row, names in named.items() if "`" not in names]
    # Nothing else in it has so long a name.
    said = set(re.findall(r"`([a-z0-9]+(?:_[A-Za-z0-9]+){4,})`", text))
    out += [f"docs/reliability.md: `{test}` is no test" for test in sorted(said - known)]
    table = (ROOT / "SECURITY.md").read_text(encoding="utf-8").partition("## Threat model")[2]
    threats = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]
    out += [f"SECURITY.md: `{row[0]}` is a row of {len(row)} cells" for row in threats if len(row) != 4]
    out += [] if threats else ["SECURITY.md: the table of threats has no row"]
    rows = [(row[0], re.findall(r"`(\w+)`", row[-1])) for row in threats]
    for stake, names in rows:
        out += [] if names else [f"SECURITY.md: the row of {stake} names no test"]
        out += [f"SECURITY.md: `{test}` is no test" for test in names if test not in known]
    return out


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    return match.group(1) if match else "none"


def problems() -> list[str]:
    said = versions()
    out = []
    if len(set(said.values())) != 1:
        out.append("the version differs: " + ", ".join(f"{where} says {what}" for where, what in said.items()))
    for path in files():
        name = path.relative_to(ROOT)
        if UNWELCOME_NAMES & set(re.split(r"[_\-.]", path.stem)):
            out.append(f"{name}: the name does not say what is in it")
        lines = path.read_text(encoding="utf-8").splitlines()
        if path.suffix in CODE and len(lines) > MOST_LINES:
            out.append(f"{name}: {len(lines)} lines; a file over {MOST_LINES} wants dividing")
        out += [f"{name}:{n}: `{w.group()}`" for n, line in enumerate(lines, 1) if (w := UNWELCOME_WORDS.search(line))]
    return out + promises()


if __name__ == "__main__":
    seen = problems()
    print("\n".join(seen), file=sys.stderr, end="\n" if seen else "")
    sys.exit(bool(seen))
