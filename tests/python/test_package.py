"""What is installed: types, the fixture, the stub of the native module, and names that are all there."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from importlib import metadata, resources
from pathlib import Path

import pytest

import cxone_actions
from cxone_actions import Client, Sandbox, _native

pytest_plugins = ["pytester"]


def test_the_fixture_is_a_gateway_of_the_tests_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from cxone_actions import Client

        def test_mine(cxone_sandbox):
            access = dict(client_id=cxone_sandbox.client_id, client_secret=cxone_sandbox.client_secret)
            with Client(cxone_sandbox.base_url, **access) as client:
                assert client.run("00000000-0000-4000-8000-000000000004", {}, correlation_id="corr-001").ok
            assert cxone_sandbox.executions("corr-001") == 1
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


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
            assert stub_names(node) - {"__init__"} == {name for name in vars(real) if not name.startswith("__")}


def test_every_public_name_is_there_and_says_what_it_is() -> None:
    assert sorted(cxone_actions.__all__) == cxone_actions.__all__
    for name in cxone_actions.__all__:
        thing = getattr(cxone_actions, name)
        assert name == "__version__" or inspect.getdoc(thing), name
    for cls in (cxone_actions.AsyncClient, cxone_actions.Client, cxone_actions.AuditTrail, Sandbox):
        for name, member in inspect.getmembers(cls):
            if not name.startswith("_") and callable(member):
                assert inspect.getdoc(member), f"{cls.__name__}.{name}"


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
