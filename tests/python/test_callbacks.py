"""Callbacks: a listener of the client's own, and a server of the user's that hands requests to `notify`."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from starlette.datastructures import Headers as StarletteHeaders
from werkzeug.datastructures import Headers as WerkzeugHeaders

from actions import CREATE_CASE, INPUTS, NEVER_ENDS
from callbacks import FOREIGN, SAFETY_NET, SECRET, polls, posted, signed, waited_for
from cxone_actions import AsyncClient, Client, ConfigError, Sandbox
from forks import in_a_forked_child


def until_refused(port: int) -> None:
    """Returns when nobody listens there any more."""
    until = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except ConnectionError:
            return
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.fixture
def slow() -> Iterator[Sandbox]:
    """A gateway whose actions take long enough to be looked at several times."""
    with Sandbox(complete_after=1.0, callback_secret=SECRET) as sandbox:
        yield sandbox


def test_a_callback_ends_the_wait_and_the_result_is_the_gateways_own(slow: Sandbox) -> None:
    with Client(**slow.options, callback_secret=SECRET) as client, client.listen_callbacks() as listener:
        assert listener.url == f"http://127.0.0.1:{listener.port}"
        began = time.monotonic()
        result = client.run(CREATE_CASE, INPUTS)
        assert time.monotonic() - began < SAFETY_NET
        assert result.ok
        assert result.outputs["queue"] == "priority-support"
        assert polls(slow) <= 2
        [body] = posted(slow)
        assert body["callbackUrl"].startswith(f"{listener.url}/")
        secret_path = body["callbackUrl"].rsplit("/", 1)[1]
        assert len(base64.urlsafe_b64decode(secret_path + "=")) == 32
        records = [json.dumps(record, default=str) for record in client.audit.records()]
        assert secret_path not in f"{listener!r} {client!r} {result!r} {client.metrics().prometheus()} {records}"


def test_the_async_client_is_called_back_in_any_of_its_loops(slow: Sandbox) -> None:
    async def main() -> None:
        client = AsyncClient(**slow.options, callback_secret=SECRET)
        async with client, await client.listen_callbacks() as listener:
            assert repr(listener) == f"<CallbackListener {listener.url!r} on port {listener.port}>"
            began = time.monotonic()
            here = [client.run(CREATE_CASE, INPUTS) for _ in range(3)]
            there = asyncio.to_thread(asyncio.run, client.run(CREATE_CASE, INPUTS))
            assert all(result.ok for result in await asyncio.gather(*here, there))
            assert time.monotonic() - began < SAFETY_NET
            assert polls(slow) <= 8

    asyncio.run(main())


def test_a_closed_listener_is_gone_and_invocations_are_polled_again(slow: Sandbox) -> None:
    with Client(**slow.options, poll_interval=0.05, callback_secret=SECRET) as client:
        listener = client.listen_callbacks()
        listener.close()
        listener.close()
        until_refused(listener.port)
        assert client.run(CREATE_CASE, INPUTS).ok
        assert "callbackUrl" not in posted(slow)[0]
        again = client.listen_callbacks(port=listener.port)
        assert again.port == listener.port
    until_refused(again.port)


def test_a_callback_url_of_the_callers_own_stays_as_it_is(slow: Sandbox) -> None:
    with Client(**slow.options, poll_interval=0.05) as client, client.listen_callbacks():
        own = "https://hooks.example.com/done"
        assert client.run(CREATE_CASE, INPUTS, callback_url=own).ok
        assert [body["callbackUrl"] for body in posted(slow)] == [own]


def test_the_same_request_made_twice_is_one_invocation_though_its_address_is_random(slow: Sandbox) -> None:
    with Client(**slow.options, callback_secret=SECRET) as client, client.listen_callbacks():
        requests = [{"action_id": CREATE_CASE, "inputs": INPUTS, "correlation_id": "order-1"}] * 2
        results = [outcome.unwrap() for outcome in client.run_many(requests)]
        assert [result.ok for result in results] == [True, True]
        assert slow.executions("order-1") == 1


WHERE: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"host": "0.0.0.0"}, ConfigError, "public_url"),
    ({"public_url": "ftp://hooks.example.com"}, ConfigError, "public_url"),
    ({"public_url": "http://hooks.example.com"}, ConfigError, "public_url"),
    ({"public_url": "hooks"}, ConfigError, "public_url"),
    ({"public_url": "\ud800"}, ConfigError, "public_url"),
    ({"host": "192.0.2.1", "public_url": "https://hooks.example.com"}, ConfigError, "192.0.2.1"),
    ({"port": 65_536}, ConfigError, "`port`"),
    ({"port": -1}, ConfigError, "`port`"),
    ({"port": "80"}, TypeError, "`port` must be a number, got str"),
    ({"port": True}, TypeError, "`port` must be a number, got bool"),
    ({"host": None}, TypeError, "`host` must be text, got NoneType"),
    ({"public_url": 7}, TypeError, "`public_url` must be text, got int"),
]


@pytest.mark.parametrize(("where", "kind", "says"), WHERE, ids=lambda it: repr(it) if isinstance(it, dict) else "")
def test_what_cannot_be_listened_on_is_refused_in_both_clients(
    where: dict[str, Any], kind: type[Exception], says: str, sandbox: Sandbox
) -> None:
    with Client(**sandbox.options) as client, pytest.raises(kind) as refused:
        client.listen_callbacks(**where)
    assert says in str(refused.value)

    async def main() -> None:
        async with AsyncClient(**sandbox.options) as asynchronous:
            with pytest.raises(kind) as refused_too:
                await asynchronous.listen_callbacks(**where)
            assert str(refused_too.value) == str(refused.value)

    asyncio.run(main())


def test_a_port_that_is_taken_is_named(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, Client(**sandbox.options) as client:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=str(port)):
            client.listen_callbacks(port=port)


def test_a_profile_without_a_place_for_the_url_says_to_poll() -> None:
    with Sandbox("genesys-data-action") as sandbox, Client(**sandbox.options) as client:
        for listen in (client.listen_callbacks, lambda: client.expect_callbacks("https://hooks.example.com")):
            with pytest.raises(ConfigError, match="poll"):
                listen()


FORMS: list[Any] = [
    lambda pairs: dict(pairs),
    lambda pairs: list(pairs),
    lambda pairs: iter(pairs),
    lambda pairs: {name.lower(): [value] for name, value in pairs},
    lambda pairs: [(name.lower().encode(), value.encode()) for name, value in pairs],
    lambda pairs: [(name, memoryview(value.encode())) for name, value in pairs],
    lambda pairs: WerkzeugHeaders(pairs),
    lambda pairs: StarletteHeaders(dict(pairs)),
    lambda pairs: httpx.Headers(pairs),
]


def test_notify_takes_headers_and_body_as_any_server_has_them(sandbox: Sandbox) -> None:
    client = Client(**sandbox.options, callback_secret=SECRET)
    client.expect_callbacks("https://hooks.example.com/cxone/")
    with waited_for(client, sandbox) as url:
        path = urlsplit(url).path
        assert url.startswith("https://hooks.example.com/cxone/")
        text = '{"status": "COMPLETED", "name": "Zoë"}'
        for number, form in enumerate(FORMS):
            headers = list(signed(text, name=f"msg_{number}").items())
            assert client.notify(path, form([("Accept", "*/*"), *headers]), text.encode()), number
        bodies: list[Any] = [text, bytearray(text.encode()), memoryview(text.encode())]
        for number, body in enumerate(bodies):
            assert client.notify(path, signed(text, name=f"body_{number}"), body), number
        # However a proxy has changed what stands before it.
        assert client.notify("/" + path.rsplit("/", 1)[1] + "?a=b", signed(text, name="msg_path"), text)
        until = time.monotonic() + SAFETY_NET
        while polls(sandbox) == 0:
            assert time.monotonic() < until, "what was taken makes it look"
            time.sleep(0.005)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_is_no_request_is_a_type_error(asynchronous: bool, sandbox: Sandbox) -> None:
    client = AsyncClient(**sandbox.options) if asynchronous else Client(**sandbox.options)
    with pytest.raises(TypeError, match="`raw_body` must be the bytes of the request as they came, got dict"):
        client.notify("/a", {}, {"status": "COMPLETED"})  # type: ignore[arg-type]
    for headers in (None, 7, ["a"], {"a": 1}, [("a",)], {"a": None}):
        with pytest.raises(TypeError, match=f"`headers` must be .* got {type(headers).__name__}"):
            client.notify("/a", headers, b"")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`path` must be text, got bytes"):
        client.notify(b"/a", {}, b"")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`public_url` must be text, got NoneType"):
        client.expect_callbacks(None)  # type: ignore[arg-type]
    assert client.notify("/a", {}, b"") is False
    assert client.notify("", {"a": "\u20ac"}, b"\xff") is False


BODY = '{"invocationId": "1", "status": "COMPLETED"}'


def refused() -> dict[str, tuple[Mapping[str, str], str]]:
    """What must not be taken. Made when it is sent: what is too new is so by a minute."""
    good = signed(BODY)
    return {
        "unsigned": ({}, BODY),
        "signed_by_somebody_else": (signed(BODY, FOREIGN), BODY),
        "another_body": (good, BODY.replace("1", "2")),
        "the_same_json_in_other_bytes": (good, BODY.replace(" ", "")),
        "too_old": (signed(BODY, at=timedelta(minutes=-6)), BODY),
        "too_new": (signed(BODY, at=timedelta(minutes=6)), BODY),
        "another_id": ({**good, "Webhook-Id": "msg_2"}, BODY),
        "another_version": ({**good, "Webhook-Signature": good["Webhook-Signature"].replace("v1", "v2")}, BODY),
        "no_timestamp": ({k: v for k, v in good.items() if k != "Webhook-Timestamp"}, BODY),
    }


@pytest.mark.parametrize("how", ["by_notify", "by_the_listener"])
def test_what_the_official_package_refuses_is_refused_and_what_it_signs_is_taken(how: str, sandbox: Sandbox) -> None:
    """Fault 43, of Standard Webhooks."""
    # While one secret takes the place of another, both are known.
    client = Client(**sandbox.options, callback_secret=[FOREIGN[:-8] + "AAAAAAA=", SECRET])
    listener = client.listen_callbacks() if how == "by_the_listener" else None
    if listener is None:
        client.expect_callbacks("http://127.0.0.1:1")

    def sent(url: str, headers: Mapping[str, str], body: str) -> bool:
        if listener is None:
            return client.notify(urlsplit(url).path, headers, body)
        status = httpx.post(url, headers=dict(headers), content=body, trust_env=False).status_code
        assert status in (204, 401, 404), status
        return status == 204

    with waited_for(client, sandbox) as url:
        for name, (headers, body) in refused().items():
            with pytest.raises(WebhookVerificationError):
                Webhook(SECRET).verify(body, dict(headers))
            assert not sent(url, headers, body), name
        assert polls(sandbox) == 0, "nothing of it made it look"
        good = signed(BODY, name="good")
        assert not sent(f"{url}x", good, BODY)
        assert not sent(url.rsplit("/", 1)[0] + "/" + "A" * 43, good, BODY)
        assert sent(url, good, BODY)
        assert sent(url, good, BODY), "sent again, it is heard and wakes nobody"
        also = {**signed(BODY, name="also")}
        also["Webhook-Signature"] = f"v1a,AAAA {signed(BODY, FOREIGN)['Webhook-Signature']} {also['Webhook-Signature']}"
        assert sent(url, also, BODY), "one of several signatures is enough"


class Recorder(BaseHTTPRequestHandler):
    """A server of somebody else's: it keeps what it is sent, and fails the first time."""

    received: ClassVar[list[tuple[dict[str, str], bytes]]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((dict(self.headers.items()), body))
        self.send_response(500 if len(self.received) == 1 else 204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_what_the_sandbox_sends_is_signed_as_the_official_package_verifies_and_sent_again(slow: Sandbox) -> None:
    class Mine(Recorder):
        received: ClassVar[list[tuple[dict[str, str], bytes]]] = []

    with ThreadingHTTPServer(("127.0.0.1", 0), Mine) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        where = f"127.0.0.1:{server.server_port}"
        with Client(**slow.options, poll_interval=0.05, callback_hosts=[where]) as client:
            result = client.run(CREATE_CASE, INPUTS, correlation_id="order-1", callback_url=f"http://{where}/done")
            until = time.monotonic() + 30
            while len(Mine.received) < 2:
                assert time.monotonic() < until
                time.sleep(0.01)
        server.shutdown()
    for headers, body in Mine.received:
        told = Webhook(SECRET).verify(body, headers)
        assert (told["invocationId"], told["correlationId"]) == (result.invocation_id, "order-1")
        assert (told["actionId"], told["status"]) == (CREATE_CASE, "COMPLETED")
        with pytest.raises(WebhookVerificationError):
            Webhook(FOREIGN).verify(body, headers)


def test_a_secret_that_is_none_is_refused_and_said_nowhere(sandbox: Sandbox) -> None:
    for wrong in ("whsec_CANARY", "", [], ["whsec_CANARY"], 7):
        with pytest.raises(ConfigError) as refused:
            Client(**sandbox.options, callback_secret=wrong)  # type: ignore[arg-type]
        assert "callback_secret" in str(refused.value)
        assert "CANARY" not in f"{refused.value!r} {refused.value.to_dict()}"


@pytest.mark.parametrize("variable", ["CXONE_CALLBACK_SECRET", "CXONE_CALLBACK_SECRET_FILE"])
def test_secrets_of_the_environment_are_told_apart_by_spaces(
    variable: str, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secrets"
    file.write_text(f"{SECRET}\n{FOREIGN}\n", encoding="utf-8")
    monkeypatch.setenv(variable, str(file) if variable.endswith("FILE") else f"{SECRET} {FOREIGN}")
    client = Client(**sandbox.options)
    client.expect_callbacks("https://hooks.example.com")
    with waited_for(client, sandbox) as url:
        path = urlsplit(url).path
        assert not client.notify(path, {}, BODY)
        for secret in (SECRET, FOREIGN):
            assert client.notify(path, signed(BODY, secret, name=secret), BODY)


@pytest.mark.skipif(sys.platform == "win32", reason="fork is Unix's")
def test_in_a_forked_child_nobody_listens_and_the_parent_goes_on(slow: Sandbox) -> None:
    with Client(**slow.options, callback_secret=SECRET) as client, client.listen_callbacks() as listener:
        assert client.run(CREATE_CASE, INPUTS).ok

        def child() -> None:
            # It polls: what it would be called at is its parent's.
            assert client.run(CREATE_CASE, INPUTS, correlation_id="child").ok
            listener.close()

        in_a_forked_child(child)
        bodies = {body["correlationId"]: body for body in posted(slow)}
        assert "callbackUrl" not in bodies["child"]
        slow.clear()
        assert client.run(CREATE_CASE, INPUTS).ok
        assert polls(slow) <= 2


@pytest.mark.skipif(sys.platform == "win32", reason="fork is Unix's")
def test_a_forked_child_expects_callbacks_where_its_parent_said(sandbox: Sandbox) -> None:
    with Client(**sandbox.options, timeout=30) as client:
        client.expect_callbacks("https://hooks.example.com/callbacks")
        in_a_forked_child(lambda: client.invoke(NEVER_ENDS, {}))
        assert [body["callbackUrl"].rpartition("/")[0] for body in posted(sandbox)] == [
            "https://hooks.example.com/callbacks"
        ]


def test_a_process_with_an_open_listener_ends_by_itself(gateway: dict[str, str]) -> None:
    program = (
        "from cxone_actions import Client\n"
        "listener = Client().listen_callbacks()\n"
        "print(listener.port, Client().listen_callbacks().port)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], env=gateway, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")
    assert len(set(run.stdout.split())) == 2
