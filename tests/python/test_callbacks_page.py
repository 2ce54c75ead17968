"""docs/callbacks.md: each program for Python as it stands, with what it shows, and the profile that it describes."""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from callbacks import waited_for
from cxone_actions import Client, Sandbox
from pages import ROOT, Block, blocks, ran, shows

PAGE = "docs/callbacks.md"


@pytest.mark.parametrize("block", blocks(PAGE, "python"), ids=lambda block: block.code.splitlines()[-1][:40])
def test_a_program_of_the_page_shows_what_it_prints(block: Block, tmp_path: Path) -> None:
    run = ran(block, tmp_path, dict(os.environ))
    assert (run.returncode, run.stderr) == (0, ""), block.code
    assert block.output is not None
    assert shows(block, run.stdout), f"{block.code}\n{run.stdout}"


def test_a_profile_with_the_signature_of_the_page_takes_what_is_signed_so(sandbox: Sandbox, tmp_path: Path) -> None:
    [block] = blocks(PAGE, "toml")
    profile = tmp_path / "signed.toml"
    known = (ROOT / "core/src/profile/gateway.toml").read_text(encoding="utf-8")
    profile.write_text(f"{known}\n{block.code}", encoding="utf-8")
    options = {**sandbox.options, "profile": profile}
    client = Client(**options, callback_secret="a secret of theirs")
    client.expect_callbacks("https://hooks.example.com")
    with waited_for(client, sandbox) as url:
        for late, taken in ((0, True), (-330, False), (330, False)):
            moment, body = str(int(time.time()) + late), b'{"status": "COMPLETED"}'
            digest = hmac.new(b"a secret of theirs", f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
            headers = {"x-signature-256": f"sha256={digest}", "x-signature-time": moment}
            assert client.notify(urlsplit(url).path, headers, body) is taken
            assert client.notify(urlsplit(url).path, headers, body + b" ") is False
