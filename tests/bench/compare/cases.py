"""What is measured: which clients, in which cases, and how many invocations each."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BENCH = ROOT / "tests/bench"
RUST = str(ROOT / "target/release/cxone-actions-bench")
PEERS_PYTHON = str(ROOT / "target/bench/venv/bin/python")

#: What a measurement should take, in µs. Long enough for a clock that ticks in milliseconds, short enough for rounds.
TARGET = 1_500_000
MOST, LEAST_WAVES = 40_000, 2
#: What warming up may take, in µs, and how many it needs: V8 goes on compiling for thousands of invocations.
WARM, WARM_INVOCATIONS = 2_400_000, {"node": 3000}
HOLD_MS = 5000
#: Connections in the cases that hold: ten thousand invocations are no reason for ten thousand connections.
HELD_CONNECTIONS = 64


@dataclass(frozen=True)
class Client:
    """One way of invoking, as one program that measures itself."""

    key: str
    name: str
    command: tuple[str, ...]
    mode: str
    #: About what one invocation takes at 64 in flight, in µs: it only decides how many are measured.
    cost: int
    ours: bool = False
    #: Told whom to trust by NODE_EXTRA_CA_CERTS, since its users cannot tell it otherwise.
    trusts_environment: bool = False


def _rust(key: str, name: str, driver: str, mode: str, cost: int, ours: bool = False) -> Client:
    return Client(key, name, (RUST, driver), mode, cost, ours)


def _python(key: str, name: str, file: str, mode: str, cost: int, ours: bool = False) -> Client:
    return Client(key, name, (sys.executable if ours else PEERS_PYTHON, str(BENCH / "python" / file)), mode, cost, ours)


def _node(
    key: str, name: str, file: str, mode: str, cost: int, ours: bool = False, environment: bool = False
) -> Client:
    return Client(key, name, ("node", str(BENCH / "node" / file)), mode, cost, ours, environment)


CLIENTS = {
    client.key: client
    for client in (
        _rust("raw", "raw socket", "drive-raw", "run", 25),
        _rust("hyper", "hyper `conn::http1`", "drive-hyper", "run", 40),
        _rust("rust", "Rust, `run`", "drive-core", "run", 60, ours=True),
        _rust("rust-many", "Rust, `run_many`", "drive-core", "run_many", 60, ours=True),
        _python("python-many", "Python, `run_many`", "ours.py", "run_many", 120, ours=True),
        _python("python", "Python, `AsyncClient.run`", "ours.py", "run", 150, ours=True),
        _python("python-threads", "Python, `Client.run` in threads", "ours.py", "threads", 250, ours=True),
        _node("node-many", "Node, `runMany`", "ours.mjs", "run_many", 120, ours=True),
        _node("node", "Node, `run`", "ours.mjs", "run", 120, ours=True),
        _node("undici", "undici, `Pool`", "undici.mjs", "run", 100),
        _node("undici-request", "undici, `request(url)`", "undici.mjs", "request", 130),
        _node("fetch", "Node's `fetch`", "fetch.mjs", "run", 1200, environment=True),
        _node("tutorial", "the tutorial's module (axios, zod)", "tutorial.mjs", "run", 1400, environment=True),
        _python("aiohttp", "aiohttp", "aiohttp_peer.py", "run", 700),
        _python("requests", "requests in threads", "requests_peer.py", "run", 2800),
        _python("httpx", "httpx", "httpx_peer.py", "run", 8000),
    )
}
QUICK = ("rust", "python", "node", "hyper", "aiohttp", "undici")
HELD = ("rust", "python", "node", "aiohttp", "undici")


@dataclass(frozen=True)
class Case:
    """What is done to the clients."""

    key: str
    name: str
    concurrency: int
    payload: int = 200
    #: 1 ends by the first look, 2 takes `HOLD_MS`, 3 answers each tenth POST with 429.
    action: int = 1
    tls: bool = False
    rounds: int = 3
    #: A part of the invocations is enough where it is to be quick.
    share: int = 1
    #: What an invocation takes here on top of what it takes at 64 in flight, in µs.
    extra: int = 0
    #: The same for ours: a gateway that says that it has enough is given time.
    extra_ours: int = 0
    #: Who takes part; everybody where nobody is named.
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def held(self) -> bool:
        return self.action == 2

    def clients(self) -> list[Client]:
        keys = self.only or tuple(CLIENTS)
        return [CLIENTS[key] for key in keys if key not in self.without]

    def cost(self, client: Client) -> int:
        """About what one invocation takes here, in µs."""
        return client.cost + self.extra + (self.extra_ours if client.ours else 0)

    def invocations(self, client: Client) -> int:
        """So many that it takes one or two seconds; all of them at once where they are held."""
        if self.held:
            return self.concurrency
        fitting = TARGET // self.share // self.cost(client)
        return max(LEAST_WAVES * self.concurrency, 200, min(MOST, fitting))

    def warmup(self, client: Client) -> int:
        """Connections, the token, and what a JIT compiles; fewer where one of them takes long."""
        if self.held:
            return HELD_CONNECTIONS
        needed = WARM_INVOCATIONS.get(client.command[0], 500)
        return max(self.concurrency, min(needed, WARM // self.cost(client)))


#: Threads are what they are: a client in 512 of them is nobody's program.
_FEW = ("python-threads",)
CASES = (
    Case("1", "1 in flight, 200 B", 1, extra=150),
    Case("64", "64 in flight, 200 B", 64, rounds=5),
    Case("512", "512 in flight, 200 B", 512, without=_FEW),
    Case("64k", "64 in flight, 64 KiB", 64, payload=64 * 1024, extra=100),
    Case("510k", "64 in flight, 510 KiB", 64, payload=510 * 1024, rounds=2, extra=2000),
    Case(
        "429", "64 in flight, 200 B, 10 % of the POSTs answered 429", 64, action=3, rounds=2, extra=100, extra_ours=5000
    ),
    Case("tls", "64 in flight, 200 B, over TLS", 64, tls=True, rounds=2, extra=20, without=("raw",)),
    Case("10000", "10,000 in flight for 5 s", 10_000, action=2, rounds=2, only=HELD),
    Case("50000", "50,000 in flight for 5 s", 50_000, action=2, rounds=2, only=HELD),
)
QUICK_CASES = ("64", "512")
