"""Writes what the pages say of the public surface: the tables of docs/api.md, docs/errors.md and the README.

The core has one table of it (`core/src/surface`), which the parity tests hold the three packages against. A page keeps
its prose; what stands between `<!-- generated: NAME -->` and `<!-- end -->` is written here. `--check` writes nothing
and fails where a page is not what would be written.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from cxone_actions import _native

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("docs/api.md", "docs/errors.md", "README.md")
MARKED = re.compile(r"(<!-- generated: ([\w.-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
SURFACE: Mapping[str, Any] = json.loads(_native.surface())
#: Where an option, or what it names, has a page of its own.
MORE = {
    "profile": "docs/profiles.md",
    "policy": "docs/policy.md",
    "durability": "docs/trail.md",
    "callback_hosts": "docs/callbacks.md",
    "callback_secret": "docs/callbacks.md",
    "traces": "docs/observability.md",
}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(cell or ' ' for cell in line)} |\n" for line in lines).replace("|   |", "| |")


def code(text: str) -> str:
    return f"`{text}`" if text else ""


# Methods


def python_call(method: Mapping[str, Any], before: str) -> str:
    positional, named = [], []
    for param in method["params"]:
        default = param["default"].replace("'", '"')
        written = f"{param['name']}={default}" if default else param["name"]
        if param["python_place"] == "position":
            positional.append(written)
        elif param["python_place"] == "name":
            named.append(written)
    arguments = ", ".join([*positional, *(["*", *named] if named else [])])
    call = f"{before}{method['python']}"
    return around(method["form"], call if method["form"] == "property" else f"{call}({arguments})", "async for")


def node_call(method: Mapping[str, Any], before: str) -> str:
    arguments: list[str] = []
    groups: dict[str, list[str]] = {}
    for param in method["params"]:
        if param["node_place"] == "position":
            arguments.append(param["node"])
        elif param["node_place"] != "nowhere":
            groups.setdefault(param["node_place"], []).append(param["node"])
    for place in ("request", "filter", "name"):
        if place in groups:
            arguments.append("{ " + ", ".join(groups[place]) + " }")
    call = f"{before}{method['node']}"
    return around(
        method["form"], call if method["form"] == "property" else f"{call}({', '.join(arguments)})", "for await"
    )


def around(form: str, call: str, loop: str) -> str:
    if form == "awaited":
        return f"await {call}"
    if form == "looped":
        return f"{loop} … {call}"
    return call


def methods(key: str, python: str, node: str) -> str:
    rows = []
    for method in SURFACE[key]:
        if method["form"] == "constructor":
            continue
        more = [code(f"{name}(…)") for name in method["rust"] if f"{name}(" not in method["rust_call"]]
        calls = [
            ", ".join([code(method["rust_call"]), *more]),
            code(python_call(method, python)),
            code(node_call(method, node)),
        ]
        rows.append(
            [*calls, f"{method['doc']} → {given(method['gives'])}" if method["gives"] != "nothing" else method["doc"]]
        )
    return table(("Rust", "Python", "Node", ""), rows)


def given(what: str) -> str:
    """The type by a link to its fields."""
    name = next((word for word in what.split() if word in SURFACE["fields"] or word in PLACES), None)
    if name is None:
        return what
    return what.replace(name, f"[`{name}`](#{PLACES.get(name, name.lower())})")


#: Classes with a heading of their own.
PLACES = {"AuditTrail": "the-audit-trail", "CallbackListener": "the-listener"}


def params(*keys: str) -> str:
    rows: dict[tuple[str, str, str], list[str]] = {}
    for key in keys:
        for method in SURFACE[key]:
            for param in method["params"]:
                python = "" if param["python_place"] == "nowhere" else param["name"]
                rows.setdefault((python, param["node"], param["doc"]), []).append(f"`{method['python']}`")
    return table(
        ("Rust, Python", "Node", "of", ""),
        ([code(name), code(node), ", ".join(dict.fromkeys(of)), doc] for (name, node, doc), of in rows.items()),
    )


# Fields


def fields(name: str) -> str:
    rows = [
        [code(field["name"]), code(field["node"]), field["value"], field["doc"]] for field in SURFACE["fields"][name]
    ]
    for of, rust, python, node in SURFACE["result_methods"]:
        if of == name:
            names = dict.fromkeys(called if called.endswith("?") else f"{called}()" for called in (rust, python))
            rows.append([", ".join(map(code, names)), code(f"{node}()"), "method", METHODS[python]])
    return table(("Rust, Python", "Node", "value", ""), rows)


def types() -> str:
    names = [name for name in SURFACE["fields"] if name not in ("CxoneError", "SeenRequest", "Checkpoint")]
    return "\n".join(f"### {name}\n\n{ABOUT[name]}\n\n{fields(name)}" for name in names)


METHODS = {
    "raise_for_status": "the result itself where it completed; otherwise the error of its status",
    "prometheus": "the same as Prometheus text",
    "to_dict": "the fields as plain data",
    "unwrap": "the result, or the error",
}

ABOUT = {
    "ActionRequest": "What `run_many` takes, and what Node and Rust hand to `invoke` and `run`; a mapping will do.",
    "Invocation": "What `invoke` returns and `poll` takes.",
    "ActionResult": "The end of an invocation. `FAILED` and `CANCELLED` are results, not errors, until one asks for an "
    "error.",
    "Outcome": "What became of one request of `run_many`.",
    "Unfinished": "What a process that is gone left behind in the directory of the trail.",
    "ActionDescription": "What the gateway itself says of an action, where the profile knows how to ask.",
    "Verdict": "What a call would be told: see [policy.md](policy.md).",
    "Violation": "One mistake, in a request or in options.",
    "Metrics": "Each invocation counts once. Explained in [observability.md](observability.md).",
    "Distribution": "Times in milliseconds; none before the first value. An action in `by_action` has the first nine "
    "numbers, `success_rate` and both distributions.",
    "Verification": "What checking the trail found: see [trail.md](trail.md).",
    "Problem": "One disagreement in the trail.",
}


# Options, words, errors


def default_of(option: Mapping[str, Any]) -> str:
    text: str = option["default"]
    if re.fullmatch(r"\d+", text):
        return f"{text} s" if option["shape"] == "duration" else f"{int(text):,}"
    return code(text) if text in words_of(option) or option["name"] == "profile" else text


def words_of(option: Mapping[str, Any]) -> list[str]:
    every: list[Mapping[str, Any]] = SURFACE["words"]
    return next((words["words"] for words in every if words["of"] == f"option.{option['name']}"), [])


def options(folder: str) -> str:
    rows = []
    for option in SURFACE["options"]:
        doc = option["doc"]
        if known := words_of(option):
            doc += f" ({', '.join(map(code, known))})"
        if option["name"] in MORE:
            page = MORE[option["name"]]
            doc += f": [{page.removeprefix(folder)}]({page.removeprefix(folder)})"
        rows.append([code(option["name"]), code(option["node"]), code(option["env"] or ""), default_of(option), doc])
    return table(("Rust, Python", "Node", "environment", "default", ""), rows)


def settings(key: str) -> str:
    rows = []
    for setting in SURFACE["sandbox"][key]:
        default = setting["default"]
        rows.append(
            [code(setting["name"]), code(setting["node"]), *([default] if key != "fault" else []), setting["doc"]]
        )
    head = ("Rust, Python", "Node", "default", "") if key != "fault" else ("Rust, Python", "Node", "")
    return table(head, rows)


def members() -> str:
    rows = []
    for member in SURFACE["sandbox"]["members"]:
        if member["form"] == "constructor":
            continue
        rust = member["rust_call"] if "(" in member["rust_call"] else f"sandbox.{member['rust_call']}()"
        more = [code(f"{name}(…)") for name in member["rust"] if f"{name}(" not in rust]
        python, node = python_call(member, "sandbox."), node_call(member, "sandbox.")
        rows.append([", ".join([code(rust), *more]), code(python), code(node), member["doc"]])
    return table(("Rust", "Python", "Node", ""), rows)


def words() -> str:
    rows = [
        [where(words["of"]), code(words["rust"]) or "text", ", ".join(map(code, words["words"])), words["doc"]]
        for words in SURFACE["words"]
    ]
    return table(("of", "in Rust", "words", ""), rows)


def where(of: str) -> str:
    kind, _, name = of.partition(".")
    return f"option `{name}`" if kind == "option" else code(of)


def errors(folder: str) -> str:
    rows = [
        [f"[`{e['class']}`]({folder}errors.md#{e['code'].lower()})", code(e["kind"]), e["when"], e["executed"]]
        for e in SURFACE["errors"]
    ]
    return table(("class", "`kind`", "when", "`executed`"), rows)


def codes() -> str:
    rows = [
        [
            f"[`{e['code']}`](errors.md#{e['code'].lower()})",
            code(e["kind"]),
            code(e["class"]),
            code(e["python_base"]),
            e["executed"],
            str(e["exit_code"]),
        ]
        for e in SURFACE["errors"]
    ]
    return table(("`code`", "`kind`", "class in Python and Node", "in Python also a", "`executed`", "exit code"), rows)


def each_error() -> str:
    out = []
    for error in SURFACE["errors"]:
        also = f", in Python also a `{error['python_base']}`" if error["python_base"] else ""
        out.append(
            f"## {error['code']}\n\n`{error['class']}`{also} · `kind` `{error['kind']}` · "
            f"executed: **{error['executed']}** · exit code {error['exit_code']}\n\n"
            f"**When:** {error['when']}.\n\n**What to do:** {error['remedy']}\n"
        )
    return "\n".join(out)


def alone() -> str:
    languages = {"rust": "Rust", "python": "Python", "node": "Node"}
    rows = [
        [languages[row["language"]], code(row["of"]) or "the package", ", ".join(map(code, row["names"])), row["why"]]
        for row in SURFACE["alone"]
    ]
    return table(("language", "of", "names", "why"), rows)


SECTIONS: Mapping[str, Callable[[], str]] = {
    "client": lambda: methods("methods", "client.", "client."),
    "params": lambda: params("methods"),
    "options": lambda: options("docs/"),
    "options-in-short": lambda: options(""),
    "types": types,
    "listener": lambda: methods("listener_methods", "listener.", "listener."),
    "trail": lambda: methods("trail_methods", "client.audit.", "client.audit."),
    "trail-params": lambda: params("trail_methods"),
    "checkpoint": lambda: fields("Checkpoint"),
    "errors": lambda: errors(""),
    "errors-in-short": lambda: errors("docs/"),
    "codes": codes,
    "error-fields": lambda: fields("CxoneError"),
    "each-error": each_error,
    "causes": lambda: ", ".join(map(code, SURFACE["cause_codes"])) + "\n",
    "words": words,
    "sandbox": members,
    "sandbox-options": lambda: settings("options"),
    "sandbox-action": lambda: settings("action"),
    "sandbox-fault": lambda: settings("fault"),
    "seen": lambda: fields("SeenRequest"),
    "alone": alone,
}


def written(page: str) -> str:
    """The page as it has to be."""

    def section(match: re.Match[str]) -> str:
        return f"{match[1]}\n{SECTIONS[match[2]]()}\n{match[3]}"

    return MARKED.sub(section, page)


def main(arguments: list[str]) -> int:
    stale = []
    for name in PAGES:
        path = ROOT / name
        page = path.read_text(encoding="utf-8")
        if (wanted := written(page)) == page:
            continue
        stale.append(name)
        if "--check" not in arguments:
            path.write_text(wanted, encoding="utf-8")
    for name in stale:
        print(f"{name}: {'is not what' if '--check' in arguments else 'now is what'} the core says of the surface")
    if stale and "--check" in arguments:
        print("run `make build` and `python scripts/api_page.py`")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
