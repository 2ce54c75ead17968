"""The tests to which the interpreter matters, in every other CPython that this machine has: `scripts/pythons.py`.

The wheel that was built last is installed into an environment for each, below `target/pythons`. A machine that has no
other Python has nothing to try, which is said and is no failure.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 10)
#: What depends on the interpreter: its loops, threads, forks and ends, its exceptions and its numbers.
TESTS = [
    "calls",
    "checkpoints",
    "errors",
    "log",
    "loops",
    "options",
    "processes",
    "results",
    "run_many",
    "shutdown",
    "token_loops",
    "tokens",
    "values",
]
#: Of the tools, what these tests stand on.
NEEDED = re.compile(r"(pytest|uvloop|hypothesis)\b")
#: So many seconds a test may take before it is shown where it stands, and all of them together.
STUCK, PATIENCE = 120, 900
#: What an interpreter says of itself.
WHO = """
import platform, sys, sysconfig, ensurepip, venv
free = sysconfig.get_config_var("Py_GIL_DISABLED") or 0
print(sys.implementation.name, *sys.version_info[:2], platform.python_version(), int(free), sep="\\n")
"""


def candidates(path: str | None) -> Iterator[str]:
    for minor in range(OLDEST[1], 30):
        found = shutil.which(f"python3.{minor}", path=path)
        if found:
            yield found
    folders = [
        Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions",
        Path(os.environ.get("RUNNER_TOOL_CACHE", "/opt/hostedtoolcache")) / "Python",
    ]
    for folder in folders:
        yield from map(str, sorted([*folder.glob("*/bin/python3"), *folder.glob("*/*/bin/python3")]))


def interpreters(*first: str, path: str | None = None) -> dict[tuple[int, int], tuple[str, str]]:
    """By minor version, oldest first: the full version and the interpreter, for each that the wheel is for.

    `first` are looked at before those on the search path `path` (the one of this process unless said).
    """
    found: dict[tuple[int, int], tuple[str, str]] = {}
    for python in (*first, *candidates(path)):
        asked = subprocess.run([python, "-c", WHO], capture_output=True, text=True, check=False, cwd="/")
        # A shim of pyenv may stand for a version that is not chosen, and a system's Python may lack `venv`.
        if asked.returncode != 0:
            continue
        name, major, minor, version, free = asked.stdout.split()
        kind = (int(major), int(minor))
        # The wheel is for the stable ABI, which free-threaded builds do not have.
        if name == "cpython" and kind >= OLDEST and free == "0":
            found.setdefault(kind, (version, python))
    return dict(sorted(found.items()))


def tried(version: str, python: str, wheel: Path) -> bool:
    home = ROOT / "target" / "pythons" / version
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run([python, "-m", "venv", str(home)], check=True)
    tools = [line for line in (ROOT / "scripts/requirements.txt").read_text().splitlines() if NEEDED.match(line)]
    inside = [str(home / "bin" / "python"), "-m"]
    subprocess.run(
        [*inside, "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel), *tools], check=True
    )
    tests = [f"tests/python/test_{name}.py" for name in TESTS]
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    command = [*inside, "pytest", "-q", "-p", "no:cacheprovider", "-o", f"faulthandler_timeout={STUCK}", *tests]
    try:
        return subprocess.run(command, env=env, cwd=ROOT, check=False, timeout=PATIENCE).returncode == 0
    except subprocess.TimeoutExpired:
        print(f"the tests did not end within {PATIENCE} s", file=sys.stderr)
        return False


def main() -> int:
    wheels = sorted((ROOT / "target" / "wheels").glob("*.whl"), key=lambda wheel: wheel.stat().st_mtime)
    if not wheels:
        print("there is no wheel in target/wheels: run make build", file=sys.stderr)
        return 1
    found = {kind: what for kind, what in interpreters().items() if kind != sys.version_info[:2]}
    if not found:
        print(f"this machine has no other Python than {sys.version_info[0]}.{sys.version_info[1]}")
        return 0
    failed = []
    for version, python in found.values():
        began = time.monotonic()
        print(f"── CPython {version} ({python})", flush=True)
        if not tried(version, python, wheels[-1]):
            failed.append(version)
        print(f"── CPython {version} took {time.monotonic() - began:.0f} s", flush=True)
    print(f"tried in {len(found)} other Pythons: {', '.join(version for version, _ in found.values())}")
    if failed:
        print(f"failed in: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
