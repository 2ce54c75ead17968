"""The package says what the core says: the same options, errors, fields, methods and events, in the words of Python."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import json
import re
from typing import Any

import cxone_actions
from actions import CREATE_CASE, INPUTS
from cxone_actions import AsyncClient, Client, CxoneError, _native
from cxone_actions._errors import CLASSES

SURFACE = json.loads(_native.surface())


def test_every_option_of_the_core_is_an_option_of_both_clients_and_the_other_way_round() -> None:
    options = [option["name"] for option in SURFACE["options"]]
    for cls in (AsyncClient, Client):
        parameters = list(inspect.signature(cls).parameters.values())
        named = [p.name for p in parameters if p.kind is not inspect.Parameter.VAR_KEYWORD]
        assert sorted(named) == sorted(options)
        assert {p.name for p in parameters if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD} == {"base_url"}
        assert all(p.default is None for p in parameters if p.name in options)
        documented = set(re.findall(r"\w+", inspect.getdoc(cls.__init__) or ""))
        assert set(options) <= documented


def test_every_kind_of_error_is_a_class_with_the_fields_of_the_core() -> None:
    assert list(CxoneError("x").to_dict()) == SURFACE["error_fields"]
    assert list(CLASSES) == [error["kind"] for error in SURFACE["errors"]]
    for error in SURFACE["errors"]:
        cls = getattr(cxone_actions, error["class"])
        assert CLASSES[error["kind"]] is cls
        assert issubclass(cls, CxoneError)
        assert cls.__module__.startswith("cxone_actions")
        assert (cls("x").kind, cls("x").code) == (error["kind"], error["code"])
        assert cls("x").executed == error["executed"]


def test_every_method_of_the_core_has_its_name_in_python(client: Client) -> None:
    for _, name, _ in SURFACE["methods"]:
        assert name == "AsyncClient" or hasattr(AsyncClient, name), name
    for _, name, _ in SURFACE["trail_methods"]:
        assert callable(getattr(client.audit, name)), name


def test_what_comes_back_has_exactly_the_fields_of_the_core() -> None:
    for name, fields in SURFACE["types"].items():
        cls: Any = getattr(cxone_actions, name)
        public = {field.name for field in dataclasses.fields(cls) if not field.name.startswith("_")}
        # What follows from other fields is no field of its own: a result that is made by hand cannot contradict itself.
        derived = {name for name, member in vars(cls).items() if isinstance(member, property)} & set(fields)
        assert public | derived == set(fields), name


def test_every_event_of_a_trail_is_one_that_the_core_knows(client: Client) -> None:
    client.run(CREATE_CASE, INPUTS)
    seen = {record["event"] for record in client.audit.records()}
    assert seen < set(SURFACE["trail_events"])
    for event in SURFACE["trail_events"]:
        list(client.audit.records(event=event))


def test_the_version_is_the_cores() -> None:
    assert cxone_actions.__version__ == SURFACE["version"]
    assert not issubclass(asyncio.CancelledError, CxoneError)
