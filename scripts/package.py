"""`make package`: what users install is built once, and then installed and used as they would.

    python scripts/package.py                         # builds into target/dist, proves everything
    python scripts/package.py --dist DIR wheel npm    # builds nothing, proves these of what lies in DIR

Each artefact goes into an empty folder outside of the checkout, where nothing of the checkout can be found, and runs
the demo's job there. The builds from source share the target folder of the checkout, so that no dependency is compiled
twice.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "python"))

from pythons import interpreters  # noqa: E402

import pages  # noqa: E402 (what reads a page is in the tests)

TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
WINDOWS = os.name == "nt"
# The interpreter of which this one may be a virtual environment.
OWN: str = getattr(sys, "_base_executable", sys.executable)
CRATES = ("cxone-actions-sandbox", "cxone-actions", "cxone-actions-cli")
OURS = (*CRATES, "cxone-actions-bridge", "cxone-actions-python", "cxone-actions-node")


def main() -> int:
    arguments = argparse.ArgumentParser(prog="package.py", description="Prove what users install.")
    arguments.add_argument("--dist", type=Path, help="the artefacts, made elsewhere; without it they are built")
    arguments.add_argument("what", nargs="*", help=f"of {', '.join(PROOFS)}; all of them where none is named")
    asked = arguments.parse_args()
    if unknown := set(asked.what) - PROOFS.keys():
        arguments.error(f"no such proof: {', '.join(sorted(unknown))}")
    dist: Path = asked.dist.resolve() if asked.dist else built(TARGET / "dist")
    failed = []
    for name in asked.what or PROOFS:
        began = time.monotonic()
        print(f"== {name}", flush=True)  # no line that a console of Windows cannot draw
        with tempfile.TemporaryDirectory(prefix="cxone-actions-package-", ignore_cleanup_errors=True) as work:
            try:
                PROOFS[name](dist, Path(work))
            except BrokenError as error:
                failed.append(name)
                print(error, file=sys.stderr)
        print(f"   {time.monotonic() - began:.0f} s", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


class BrokenError(Exception):
    """An artefact does not do what it promises."""


# ── what is built ──


def built(dist: Path) -> Path:
    """The artefacts of this checkout, for this machine."""
    shutil.rmtree(dist, ignore_errors=True)
    python, env = dist / "python", {"CARGO_TARGET_DIR": str(TARGET)}
    maturin = (sys.executable, "-m", "maturin")
    run(*maturin, "sdist", "--out", python, cwd=ROOT, env=env)
    inside = TARGET / "sbom" / "cxone-actions-python.cyclonedx.json"
    run("node", ROOT / "scripts" / "sbom.mjs", "cxone-actions-python", inside, cwd=ROOT)
    # Told of Python what every other build here is told, so that nothing is compiled for it.
    build = ("build", "--release", "--locked", "--interpreter", sys.executable, "--sbom-include", inside)
    run(*maturin, *build, "--out", python, cwd=ROOT, env=env)
    run("node", ROOT / "scripts" / "npm_packages.mjs", dist / "npm", cwd=ROOT)
    packages = [word for crate in CRATES for word in ("--package", crate)]
    # Compiled below, as a user would: what cargo would verify here is the same once more.
    run("cargo", "package", "--quiet", "--no-verify", "--allow-dirty", *packages, cwd=ROOT, env=env)
    (dist / "crates").mkdir()
    for crate in CRATES:
        packed = max((TARGET / "package").glob(f"{crate}-[0-9]*.crate"), key=lambda path: path.stat().st_mtime)
        shutil.copy(packed, dist / "crates")
    return dist


# ── Python ──


def form(dist: Path, work: Path) -> None:
    """The wheel calls nothing beyond the stable ABI that its name promises, and an index would take both.

    It says what is inside, and nothing of the machine that built it.
    """
    whl, source = one(dist, "cxone_actions-*.whl"), one(dist, "cxone_actions-*.tar.gz")
    for tool in (
        ("abi3audit", "--strict", whl),
        ("check_wheel_contents", "--toplevel", "cxone_actions,_cxone_actions_pytest", whl),
        ("twine", "check", "--strict", whl, source),
    ):
        run(sys.executable, "-m", *tool, cwd=work)
    with zipfile.ZipFile(whl) as archive:
        lists = [archive.read(name) for name in archive.namelist() if ".dist-info/sboms/" in name]
    if len(lists) != 1 or b'"CycloneDX"' not in lists[0]:
        raise BrokenError(f"{whl.name} has {len(lists)} lists of what is inside")
    if b"file:" in lists[0] or str(ROOT).encode() in lists[0]:
        raise BrokenError(f"the list in {whl.name} names folders of the machine that built it")
    print(f"   {whl.name}")


def wheel(dist: Path, work: Path) -> None:
    """The wheel installs without a network, a compiler or a dependency, on the oldest and the newest Python here."""
    folder = one(dist, "cxone_actions-*.whl").parent
    known = [Path(python) for _, python in interpreters(OWN, path=outside()).values()]
    if not known:
        raise BrokenError("no CPython 3.10 or newer that can make a virtual environment")
    for name, python in {"oldest": known[0], "newest": known[-1]}.items():
        environment = work / name
        pip = venv(python, environment)
        run(*pip, "install", "--no-index", "--find-links", folder, "--only-binary", ":all:", "cxone-actions")
        works_in_python(environment)


def sdist(dist: Path, work: Path) -> None:
    """The sdist installs where there is no repository, with a Rust compiler."""
    with tarfile.open(one(dist, "cxone_actions-*.tar.gz")) as archive:
        archive.extractall(work)
    source = one(work, "cxone_actions-*/pyproject.toml").parent
    environment = work / "venv"
    pip = venv(Path(sys.executable), environment)
    run(*pip, "install", source, env=from_source(work, source), cwd=work)
    works_in_python(environment)


def works_in_python(environment: Path) -> None:
    empty = environment / "empty"
    empty.mkdir()
    shutil.copy(ROOT / "demo" / "demo.py", empty)
    python = scripts_of(environment) / "python"
    where = run(
        python,
        "-c",
        "import cxone_actions, platform; print(platform.python_version(), cxone_actions.__file__)",
        cwd=empty,
    )
    version, file = where.strip().split(" ", 1)
    if environment.resolve() not in Path(file).resolve().parents:
        raise BrokenError(f"it is imported from {file}")
    run(python, "demo.py", cwd=empty)
    said = run(scripts_of(environment) / "cxone-actions", "--version", cwd=empty)
    print(f"   {said.strip()} on Python {version}: the demo did its job")


def venv(python: Path, folder: Path) -> list[str | Path]:
    """An empty virtual environment, and the command of its pip."""
    try:
        run(python, "-m", "venv", folder)
    except BrokenError:
        run(python, "-m", "virtualenv", folder)
    return [scripts_of(folder) / "python", "-m", "pip", "--quiet", "--disable-pip-version-check"]


def scripts_of(environment: Path) -> Path:
    return environment / ("Scripts" if WINDOWS else "bin")


# ── Node ──


def npm(dist: Path, work: Path) -> None:
    """npm fetches the package and the one module that fits this machine."""
    project = node_project(work)
    with registry(dist) as env:
        run("npm", "install", *QUIET, "cxone-actions", env=env, cwd=project)
    works_in_node(project)


def npm_source(dist: Path, work: Path) -> None:
    """Where no module is installed, the package says so, and builds one from what it carries."""
    project = node_project(work)
    with registry(dist) as env:
        run("npm", "install", *QUIET, "--omit=optional", "cxone-actions", env=env, cwd=project)
    refusal = run(
        "node", "-e", "try { require('cxone-actions') } catch (error) { console.log(error.message) }", cwd=project
    )
    if "is not installed: run `npm install --include=optional`" not in refusal:
        raise BrokenError(f"without its module the package says: {refusal}")
    env = from_source(work, project / "node_modules" / "cxone-actions")
    run("npm", "explore", "cxone-actions", "--", "npm", "run", "--silent", "build:native", env=env, cwd=project)
    works_in_node(project)


QUIET = ("--loglevel=error", "--no-audit", "--no-fund")


@contextlib.contextmanager
def registry(dist: Path) -> Iterator[dict[str, str]]:
    """A registry on a loopback port that has the packages; gives what npm must be told."""
    folder = one(dist, "cxone-actions-[0-9]*.tgz").parent
    command = [program("node"), str(ROOT / "scripts" / "npm_registry.mjs"), str(folder)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving,
        tempfile.TemporaryDirectory(prefix="cxone-actions-npm-", ignore_cleanup_errors=True) as cache,
    ):
        try:
            assert serving.stdout
            name, _, value = serving.stdout.readline().strip().partition("=")
            yield {name: value, "npm_config_cache": cache}
        finally:
            serving.terminate()


def node_project(work: Path) -> Path:
    """An empty one. Without a manifest npm would look for one in the folders above."""
    project = work / "project"
    project.mkdir()
    (project / "package.json").write_text('{"name": "empty", "private": true}', encoding="utf-8")
    return project


def works_in_node(project: Path) -> None:
    shutil.copy(ROOT / "demo" / "demo.mjs", project)
    run("node", "demo.mjs", cwd=project)
    run("node", "-e", "if (typeof require('cxone-actions').Client !== 'function') process.exit(1)", cwd=project)
    said = run("npx", "--no-install", "cxone-actions", "--version", cwd=project)
    modules = sorted(path.name for path in project.glob("node_modules/@cxone-actions/*"))
    source = ", ".join(modules) or "built from source"
    print(f"   {said.strip()} on Node {run('node', '--version').strip()} ({source}): the demo did its job")


# ── Rust ──


def crates(dist: Path, work: Path) -> None:
    """The page for Rust does what it says, block by block, from the crates as crates.io would give them."""
    unpacked = work / "crates"
    for crate in CRATES:
        with tarfile.open(one(dist, f"{crate}-[0-9]*.crate")) as archive:
            archive.extractall(unpacked)
    folders = {crate: one(unpacked, f"{crate}-[0-9]*/Cargo.toml").parent for crate in CRATES}
    patches = "".join(f"{crate} = {{ path = '{folder}' }}\n" for crate, folder in folders.items())
    env = from_source(work, unpacked, f"[profile.release]\noverflow-checks = true\n[patch.crates-io]\n{patches}")
    # What it stands on, in the versions that are compiled already.
    project = work / "cases"
    project.mkdir()
    shutil.copy(ROOT / "Cargo.lock", project)
    run("cargo", "build", "--quiet", "--release", cwd=folders["cxone-actions-cli"], env=env)
    program = TARGET / "release" / "cxone-actions"
    with subprocess.Popen(
        [program, "sandbox"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as gateway:
        try:
            assert gateway.stdout
            lines = [gateway.stdout.readline().strip().removeprefix("export ") for _ in range(3)]
            env |= dict(line.split("=", 1) for line in lines)
            env["PATH"] = os.pathsep.join([str(program.parent), outside()])
            follow(pages.blocks("docs/rust.md"), project, env)
        finally:
            gateway.terminate()


def follow(blocks: list[pages.Block], project: Path, env: dict[str, str]) -> None:
    """Does what a page says, in its order: files are saved, commands run, and their output is what is shown."""
    (project / "src").mkdir()
    for block in blocks:
        if block.language == "rust":
            (project / "src" / "main.rs").write_text(block.code, encoding="utf-8")
            continue
        if block.language == "toml":
            name = "Cargo.toml" if block.code.startswith("[package]") else "policy.toml"
            (project / name).write_text(block.code, encoding="utf-8")
            continue
        if block.language != "sh":
            raise BrokenError(f"nobody says what to do with a block of {block.language}")
        printed = run("sh", "-euc", block.code, cwd=project, env=env)
        if not pages.shows(block, printed):
            raise BrokenError(f"{block.code}printed:\n{printed}instead of:\n{block.output}")
    print(f"   {len(blocks)} blocks of the page for Rust did what they say")


# ── how it is run ──


def from_source(work: Path, source: Path, more: str = "") -> dict[str, str]:
    """The environment in which a build from source shares the dependencies that the checkout has compiled.

    What is ours gets another profile, or cargo would take it for the checkout's own, and is touched, or cargo would
    take it for what the last run left. Not optimised, since it is here to be compiled and not to be fast.
    """
    profile = "".join(f'[profile.release.package."{crate}"]\nopt-level = 0\n' for crate in OURS)
    (work / ".cargo").mkdir()
    (work / ".cargo" / "config.toml").write_text(more + profile, encoding="utf-8")
    for path in source.rglob("*"):
        path.touch()
    return {"CARGO_TARGET_DIR": str(TARGET)}


def run(*command: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    """What a program printed, in an environment that knows nothing of the checkout."""
    clean = {k: v for k, v in os.environ.items() if k not in HIDDEN and not k.startswith(("npm_", "MAKE"))}
    clean |= {"PATH": outside(), "NO_COLOR": "1", "PYTHONUTF8": "1", **(env or {})}
    words = [program(str(command[0])), *map(str, command[1:])]
    done = subprocess.run(words, cwd=cwd, env=clean, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        raise BrokenError(f"`{' '.join(map(str, command))}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


HIDDEN = {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PYO3_PYTHON", "PYO3_CONFIG_FILE", "NODE_PATH", "CARGO_TARGET_DIR"}


def outside() -> str:
    """The search path without the folders of the checkout."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not Path(folder).is_relative_to(ROOT))


def program(name: str) -> str:
    """On Windows npm and npx are scripts, which only their whole name starts."""
    return name if Path(name).is_absolute() else shutil.which(name, path=outside()) or name


def one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.rglob(pattern))
    if len(found) != 1:
        raise BrokenError(f"{folder} has {len(found)} of {pattern}")
    return found[0]


PROOFS: dict[str, Callable[[Path, Path], None]] = {
    "form": form,
    "wheel": wheel,
    "sdist": sdist,
    "npm": npm,
    "npm-source": npm_source,
    "crates": crates,
}

if __name__ == "__main__":
    sys.exit(main())
