"""A function for tokens as a user would write it: it asks the token service itself."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch(base_url: str, client_id: str, client_secret: str) -> tuple[str, float]:
    """A token and the seconds that it serves."""
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
    request = urllib.request.Request(f"{base_url}/api/v2/oauth/token", urllib.parse.urlencode(form).encode())
    with DIRECT.open(request, timeout=60) as answer:
        said = json.load(answer)
    return said["access_token"], float(said["expires_in"])
