"""What is installed: types, the fixture, the stub of the native module, and names that are all there."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import subprocess
import sys
from importlib import metadata, resources
from pathlib import Path

import pytest

import cxone_actions
from cxone_actions import Client, Sandbox, _native


def test_a_type_checker_sees_the_types(tmp_path: Path) -> None:
    assert resources.files("cxone_actions").joinpath("py.typed").is_file()
    script = tmp_path / "typed.py"
    script.write_text(
        "from cxone_actions import ActionResult, AsyncClient, Client, Outcome\n"
        "def blocking(client: Client) -> None:\n"
        "    reveal_type(client.run('a', {'b': 1}))\n"
        "    client.run('a', timeout='soon')\n"
        "async def main(client: AsyncClient) -> None:\n"
        "    reveal_type(await client.invoke('a'))\n"
        "    async for outcome in client.run_many([{'action_id': 'a'}]):\n"
        "        reveal_type(outcome)\n",
        encoding="utf-8",
    )
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(script)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=300,
    )
    said = checked.stdout
    assert 'Revealed type is "cxone_actions._results.ActionResult"' in said
    assert 'Revealed type is "cxone_actions._results.Invocation"' in said
    assert 'Revealed type is "cxone_actions._results.Outcome[dict[str, str]]"' in said
    assert '"timeout"' in said
    assert "Found 1 error" in said, said


def stub_names(tree: ast.Module | ast.ClassDef) -> set[str]:
    names = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    return names | {
        node.target.id for node in tree.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def test_the_stub_says_what_the_native_module_has() -> None:
    tree = ast.parse(resources.files("cxone_actions").joinpath("_native.pyi").read_text(encoding="utf-8"))
    assert stub_names(tree) == {name for name in dir(_native) if not name.startswith("__")}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name != "NativeError":
            real = getattr(_native, node.name)
            assert stub_names(node) - {"__new__"} == {name for name in vars(real) if not name.startswith("__")}


def test_every_public_name_is_there_and_says_what_it_is() -> None:
    assert sorted(cxone_actions.__all__) == cxone_actions.__all__
    for name in cxone_actions.__all__:
        thing = getattr(cxone_actions, name)
        assert name == "__version__" or inspect.getdoc(thing), name
    for cls in (cxone_actions.AsyncClient, cxone_actions.Client, cxone_actions.AuditTrail, Sandbox):
        for name, member in inspect.getmembers(cls):
            if not name.startswith("_") and callable(member):
                assert inspect.getdoc(member), f"{cls.__name__}.{name}"


DOCUMENTED = [
    (cls, name)
    for cls in (cxone_actions.AsyncClient, Client, cxone_actions.AuditTrail, Sandbox)
    for name, member in inspect.getmembers(cls)
    if inspect.isfunction(member) and (name == "__init__" or not name.startswith("_"))
    if (cls, name) != (cxone_actions.AuditTrail, "__init__")
]


@pytest.mark.parametrize(("cls", "name"), DOCUMENTED, ids=lambda it: it if isinstance(it, str) else it.__name__)
def test_every_parameter_and_what_comes_back_is_documented(cls: type, name: str) -> None:
    method = getattr(cls, name)
    signature, said = inspect.signature(method), inspect.getdoc(method) or ""
    told = {each for group in re.findall(r"^:param ([\w, ]+):", said, re.MULTILINE) for each in group.split(", ")}
    assert told == set(signature.parameters) - {"self"}
    assert (":returns:" in said) == (signature.return_annotation != "None")
    assert all(
        hasattr(cxone_actions, error) or error in vars(builtins) for error in re.findall(r":raises (\w+):", said)
    )


def test_both_clients_say_the_same_word_for_word() -> None:
    for name in ("invoke", "poll", "run", "describe", "run_many", "close"):
        asynchronous = getattr(cxone_actions.AsyncClient, "aclose" if name == "close" else name)
        assert inspect.getdoc(asynchronous) == inspect.getdoc(getattr(Client, name)), name


def test_both_clients_have_the_same_methods() -> None:
    def surface(cls: type) -> dict[str, list[str]]:
        methods = {name: member for name, member in inspect.getmembers(cls, callable) if not name.startswith("_")}
        return {name: list(inspect.signature(member).parameters) for name, member in methods.items()}

    asynchronous = surface(cxone_actions.AsyncClient)
    asynchronous["close"] = asynchronous.pop("aclose")
    assert asynchronous == surface(Client)
    for name in ("invoke", "poll", "run", "aclose"):
        assert inspect.iscoroutinefunction(getattr(cxone_actions.AsyncClient, name))


def test_the_package_needs_nothing_and_has_one_version() -> None:
    distribution = metadata.distribution("cxone-actions")
    assert distribution.requires in (None, [])
    assert distribution.version == cxone_actions.__version__ == _native.VERSION
    scripts = {entry.name: entry.value for entry in distribution.entry_points}
    assert scripts["cxone-actions"] == "cxone_actions._cli:main"


def test_the_wheel_is_tried_in_no_python_that_lacks_the_stable_abi(tmp_path: Path) -> None:
    said = {10: "cpython 3 10 3.10.1 0", 14: "cpython 3 14 3.14.1 1", 15: "pypy 3 15 3.15.1 0"}
    for minor, line in said.items():
        program = tmp_path / f"python3.{minor}"
        program.write_text(f"#!/bin/sh\necho {line}\n", encoding="utf-8")
        program.chmod(0o755)
    asked = subprocess.run(
        [sys.executable, "-c", f"import pythons; print(*pythons.interpreters(path={str(tmp_path)!r}).values())"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2] / "scripts",
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "RUNNER_TOOL_CACHE": str(tmp_path)},
    )
    assert asked.stdout == f"{('3.10.1', str(tmp_path / 'python3.10'))}\n", asked.stderr
