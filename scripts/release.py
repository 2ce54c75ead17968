"""What .github/workflows/release.yml asks of a checkout, so that each step can be tried by hand before there is a tag.

    python scripts/release.py version v1.2.3      # the tag says what the packages and the changelog say
    python scripts/release.py notes v1.2.3        # prints what the changelog says of it
    python scripts/release.py glibc 2.17 FILE...  # no module asks for a newer C library
    python scripts/release.py complete DIR        # the npm packages of every platform are there, and fit each other
    python scripts/release.py npm DIR             # publishes them, the one that names the others last
    python scripts/release.py crates              # publishes the crates, each after those that it needs

Publishing skips what is there already, so that a release that broke off is finished by running it again.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import check_tree

ROOT = check_tree.ROOT
# Each after those that it needs.
CRATES = ("cxone-actions-sandbox", "cxone-actions", "cxone-actions-cli")


def version(tag: str) -> list[str]:
    """What stands between this commit and a release of that name."""
    said = {**check_tree.versions(), "the tag": tag.removeprefix("v")}
    wrong = []
    if not tag.startswith("v") or len(set(said.values())) != 1:
        wrong.append("the version differs: " + ", ".join(f"{where} says {what}" for where, what in said.items()))
    if not re.search(rf"^## \[{re.escape(tag[1:])}\] - \d{{4}}-\d\d-\d\d$", changelog(), re.MULTILINE):
        wrong.append(f"CHANGELOG.md has no dated section for {tag[1:]}")
    if ran("git", "merge-base", "--is-ancestor", "HEAD", "origin/main").returncode != 0:
        wrong.append("the commit is not on main")
    return wrong


def changelog() -> str:
    return (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def notes(tag: str) -> str:
    section = re.search(
        rf"^## \[{re.escape(tag[1:])}\][^\n]*\n(.*?)(?=^## \[|\Z)", changelog(), re.MULTILINE | re.DOTALL
    )
    return section.group(1).strip() if section else ""


def glibc(limit: str, files: list[Path]) -> list[str]:
    """The modules that a system with this glibc cannot load; those for other C libraries ask for none."""
    most = numbers(limit)
    wrong = []
    for file in files:
        asked = {numbers(found.decode()) for found in re.findall(rb"GLIBC_(2(?:\.\d+)+)\0", file.read_bytes())}
        if asked and max(asked) > most:
            wrong.append(f"{file} asks for glibc {'.'.join(map(str, max(asked)))}, more than {limit}")
    return wrong


def numbers(dotted: str) -> tuple[int, ...]:
    return tuple(int(number) for number in dotted.split("."))


# ── npm ──


def packages(folder: Path) -> dict[Path, dict[str, Any]]:
    """The manifest of each tarball."""
    found = {}
    for path in sorted(folder.glob("*.tgz")):
        with tarfile.open(path) as archive:
            member = archive.extractfile("package/package.json")
            found[path] = json.load(member) if member else {}
    return found


def complete(folder: Path) -> list[str]:
    """What is missing for users of every platform that package.json names."""
    manifests = list(packages(folder).values())
    main = [manifest for manifest in manifests if manifest["name"] == "cxone-actions"]
    if len(main) != 1:
        return [f"{folder} has {len(main)} packages called cxone-actions"]
    there = {manifest["name"]: manifest["version"] for manifest in manifests if manifest is not main[0]}
    asked: dict[str, str] = main[0].get("optionalDependencies", {})
    targets = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["napi"]["targets"]
    wrong = []
    if there != asked:
        wrong.append(f"cxone-actions asks for {asked}, and there is {there}")
    if len(asked) != len(targets):
        wrong.append(f"cxone-actions asks for {len(asked)} modules, and there are {len(targets)} platforms")
    return wrong


def publish_npm(folder: Path) -> list[str]:
    # The main package last: whoever installs it a second later finds all that it names.
    for path, manifest in sorted(packages(folder).items(), key=lambda item: item[1]["name"] == "cxone-actions"):
        name = f"{manifest['name']}@{manifest['version']}"
        if ran("npm", "view", name, "version").stdout.strip():
            print(f"{name} is published already")
        elif ran("npm", "publish", "--access", "public", str(path.resolve()), shown=True).returncode != 0:
            return [f"{name} was not published"]
    return []


# ── crates.io ──


def publish_crates() -> list[str]:
    number = check_tree.versions()["Cargo.toml"]
    for crate in CRATES:
        if ran("cargo", "info", "--quiet", "--registry", "crates-io", f"{crate}@{number}").returncode == 0:
            print(f"{crate} {number} is published already")
        elif ran("cargo", "publish", "--locked", "--package", crate, shown=True).returncode != 0:
            return [f"{crate} was not published"]
    return []


def ran(*command: str, shown: bool = False) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        capture_output=not shown,
        text=True,
        encoding="utf-8",
        check=False,
    )


def main(words: list[str]) -> int:
    match words:
        case ["version", tag]:
            wrong = version(tag)
        case ["notes", tag]:
            wrong = [] if (text := notes(tag)) else [f"CHANGELOG.md says nothing of {tag[1:]}"]
            print(text)
        case ["glibc", limit, *files] if files:
            wrong = glibc(limit, [Path(file) for file in files])
        case ["complete", folder]:
            wrong = complete(Path(folder))
        case ["npm", folder]:
            wrong = complete(Path(folder)) or publish_npm(Path(folder))
        case ["crates"]:
            wrong = publish_crates()
        case _:
            wrong = [(__doc__ or "").strip()]
    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
