"""The package says what the core's table of the surface says, in the words of Python, and nothing else.

Names, parameters, options, defaults, fields, words, errors and pages: what the table has and Python has not fails here,
and what Python has and the table has not fails too.
"""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import json
import re
import subprocess
import sys
import typing
from typing import Any

import pytest

import cxone_actions
from actions import CREATE_CASE, INPUTS
from cxone_actions import AsyncClient, AuditTrail, CallbackListener, Client, CxoneError, Sandbox, _native, types
from cxone_actions._errors import CLASSES
from pages import ROOT

SURFACE = json.loads(_native.surface())
CONSTRUCTED = [
    (AsyncClient, SURFACE["options"]),
    (Client, SURFACE["options"]),
    (Sandbox, SURFACE["sandbox"]["options"]),
]
#: The names that Python has for the methods of each class: only the blocking client ends otherwise.
METHODS: list[tuple[type, list[dict[str, Any]]]] = [
    (AsyncClient, SURFACE["methods"]),
    (Client, [{**m, "python": "close"} if m["python"] == "aclose" else m for m in SURFACE["methods"]]),
    (AuditTrail, SURFACE["trail_methods"]),
    (CallbackListener, SURFACE["listener_methods"]),
    (Sandbox, SURFACE["sandbox"]["members"]),
]
VALUES = [name for name in SURFACE["fields"] if name not in ("CxoneError", "SeenRequest")]
ALL = "every value"


def alone(of: str, language: str = "python") -> set[str]:
    rows = [row for row in SURFACE["alone"] if row["language"] == language and row["of"] == of]
    return {name for row in rows for name in row["names"]}


def public(cls: type) -> set[str]:
    own = {
        name for base in cls.__mro__ for name in vars(base).get("__annotations__", {}) if base.__module__ != "builtins"
    }
    foreign = {name for base in cls.__mro__ if base.__module__ == "builtins" for name in dir(base)}
    return {name for name in {*dir(cls), *own} - foreign if not name.startswith("_")}


def literals(annotation: Any) -> list[str]:
    """The words of a `Literal`, wherever in the annotation it stands."""
    if typing.get_origin(annotation) is typing.Literal:
        return list(typing.get_args(annotation))
    return [word for argument in typing.get_args(annotation) for word in literals(argument)]


@pytest.mark.parametrize(("cls", "options"), CONSTRUCTED, ids=lambda it: getattr(it, "__name__", ""))
def test_every_option_of_the_table_is_one_of_the_constructor_and_the_other_way_round(cls: type, options: Any) -> None:
    parameters = inspect.signature(cls).parameters.values()
    first, *others = [p for p in parameters if p.kind is not inspect.Parameter.VAR_KEYWORD]
    assert {first.name, *(p.name for p in others)} == {option["name"] for option in options}
    assert first.name == options[0]["name"]
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in others)
    # What is not said is left to the core, which knows the default.
    assert all(p.default is None for p in others)


@pytest.mark.parametrize(("cls", "options"), CONSTRUCTED, ids=lambda it: getattr(it, "__name__", ""))
def test_the_documentation_of_an_option_names_its_variable_and_its_default(cls: type, options: Any) -> None:
    text = " ".join((inspect.getdoc(cls.__init__) or "").split())  # type: ignore[misc]
    said = dict.fromkeys(option["name"] for option in options)
    for names, words in re.findall(r":param ([\w, ]+): (.*?)(?= :\w+[ \w,]*:|$)", text):
        said.update(dict.fromkeys(names.split(", "), words))
    for option in options:
        words = said[option["name"]]
        assert words, option["name"]
        assert (option.get("env") or "") in words, f"{option['name']}: {words}"
        number = re.fullmatch(r"([\d.]+)(?: s)?", option["default"])
        spelled = {"67108864": "64 MiB"}.get(option["default"], number[1] if number else "")
        assert spelled in words.replace(",", ""), f"{option['name']}: {words}"


@pytest.mark.parametrize(("cls", "methods"), METHODS, ids=lambda it: getattr(it, "__name__", ""))
def test_every_method_has_the_parameters_of_the_table_with_their_defaults(cls: type, methods: Any) -> None:
    kinds = {"position": inspect.Parameter.POSITIONAL_OR_KEYWORD, "name": inspect.Parameter.KEYWORD_ONLY}
    for method in methods:
        if method["form"] in ("constructor", "property"):
            continue
        _, *given = inspect.signature(getattr(cls, method["python"])).parameters.values()
        wanted = [
            (p["name"], kinds[p["python_place"]], p["default"] or "no default")
            for p in method["params"]
            if p["python_place"] != "nowhere"
        ]
        default = [("no default" if p.default is inspect.Parameter.empty else repr(p.default)) for p in given]
        assert [(p.name, p.kind, d) for p, d in zip(given, default, strict=True)] == wanted, method["python"]


@pytest.mark.parametrize(("cls", "methods"), METHODS, ids=lambda it: getattr(it, "__name__", ""))
def test_a_class_has_the_members_of_the_table_and_no_others(cls: type, methods: Any) -> None:
    wanted = {method["python"] for method in methods if method["form"] != "constructor"}
    assert public(cls) == wanted | alone(cls.__name__) - ({"close"} & wanted)


@pytest.mark.parametrize("name", VALUES)
def test_what_comes_back_has_the_fields_and_methods_of_the_table_and_no_others(name: str) -> None:
    cls: Any = getattr(cxone_actions, name)
    fields = {field["name"] for field in SURFACE["fields"][name]}
    methods = {python for of, _, python, _ in SURFACE["result_methods"] if of in (name, ALL)}
    assert public(cls) - alone(name) - methods == fields
    # What follows from other fields is no field of its own: a result that is made by hand cannot contradict itself.
    derived = {field for field, member in vars(cls).items() if isinstance(member, property)}
    assert {f.name for f in dataclasses.fields(cls) if not f.name.startswith("_")} == fields - derived
    assert all(callable(getattr(cls, method)) for method in methods if name not in NOT_GIVEN or method != "to_dict")


#: What is handed in, or only stands inside of another value.
NOT_GIVEN = ("Violation", "Checkpoint", "Distribution")


def test_every_kind_of_error_is_a_class_with_the_fields_of_the_table() -> None:
    assert list(CxoneError("x").to_dict()) == SURFACE["error_fields"]
    assert list(CLASSES) == [error["kind"] for error in SURFACE["errors"]]
    fields = {field["name"] for field in SURFACE["fields"]["CxoneError"]}
    methods = {python for of, _, python, _ in SURFACE["result_methods"] if of in ("CxoneError", ALL)}
    for error in SURFACE["errors"]:
        cls = getattr(cxone_actions, error["class"])
        assert CLASSES[error["kind"]] is cls
        assert cls.__mro__[1] is CxoneError
        also = [base.__name__ for base in cls.__bases__ if base is not CxoneError]
        assert also == ([error["python_base"]] if error["python_base"] else [])
        made = cls("it broke")
        assert (made.kind, made.code, made.executed) == (error["kind"], error["code"], error["executed"])
        ours = (public(cls) | set(vars(made))) - {name for name in vars(made) if name.startswith("_")}
        system = set(dir(OSError())) - set(dir(Exception()))
        assert ours - system - fields - methods == alone(error["class"]) | alone("CxoneError"), error["class"]
        assert fields <= ours | {"kind", "code", "executed"}


def test_the_package_exports_what_the_table_names_and_nothing_else() -> None:
    named = {*SURFACE["fields"], *(error["class"] for error in SURFACE["errors"]), "AuditTrail", "Client", "Sandbox"}
    named.add("CallbackListener")
    named |= set(SURFACE["types"]) | {"__version__"}
    assert set(cxone_actions.__all__) == (named - {"SeenRequest"}) | alone("")


def test_every_word_of_the_table_is_in_the_types() -> None:
    resolved = typing.get_type_hints
    for words in SURFACE["words"]:
        of, _, name = words["of"].rpartition(".")
        if of == "option":
            found = resolved(AsyncClient.__init__)[name]
        elif "." in of:
            cls, _, method = of.partition(".")
            found = resolved(getattr(getattr(cxone_actions, cls), method))[name]
        else:
            holder = getattr(types, of) if hasattr(types, of) else getattr(cxone_actions, of)
            found = resolved(holder)[name]
        assert literals(found) == words["words"], words["of"]


def test_the_mappings_that_are_handed_in_have_the_members_of_the_table() -> None:
    for cls, table in (
        (types.ClientOptions, SURFACE["options"]),
        (types.SandboxAction, SURFACE["sandbox"]["action"]),
        (types.Fault, SURFACE["sandbox"]["fault"]),
        (types.RequestFields, SURFACE["fields"]["ActionRequest"]),
    ):
        assert set(typing.get_type_hints(cls)) == {member["name"] for member in table}, cls.__name__


def test_a_sandbox_shows_of_a_request_what_the_table_says(sandbox: Sandbox, client: Client) -> None:
    client.run(CREATE_CASE, INPUTS)
    for seen in sandbox.requests:
        assert set(seen) == {field["name"] for field in SURFACE["fields"]["SeenRequest"]}


def test_every_event_of_a_trail_is_one_that_the_core_knows(client: Client) -> None:
    client.run(CREATE_CASE, INPUTS)
    seen = {record["event"] for record in client.audit.records()}
    assert seen < set(SURFACE["trail_events"])
    for event in SURFACE["trail_events"]:
        list(client.audit.records(event=event))


def test_the_version_is_the_cores() -> None:
    assert cxone_actions.__version__ == SURFACE["version"]
    assert not issubclass(asyncio.CancelledError, CxoneError)


def test_the_pages_are_what_the_table_says() -> None:
    command = [sys.executable, str(ROOT / "scripts/api_page.py"), "--check"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_code_of_an_error_has_a_heading_and_every_link_to_one_leads_there() -> None:
    headings = set(re.findall(r"^## (CXONE_\w+)$", (ROOT / "docs/errors.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert headings == {error["code"] for error in SURFACE["errors"]}
    for page in ("README.md", "docs/api.md"):
        links = re.findall(r"errors\.md#(\w+)\)", (ROOT / page).read_text(encoding="utf-8"))
        assert set(links) == {heading.lower() for heading in headings}, page
