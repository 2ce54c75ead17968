"""The official Genesys SDK for Python, as its README uses it."""

from __future__ import annotations

import json
import os
import sys

import PureCloudPlatformClientV2 as Genesys

base, operation, *rest = sys.argv[1:]
ACTION = "custom_-_a1b2c3d4"


def call() -> object:
    actions = Genesys.IntegrationsApi(client)
    if operation == "look":
        return Genesys.ArchitectApi(client).get_flows_execution(rest[0]).output_data
    if operation == "twice":
        actions.post_integrations_action_execute(ACTION, {"customerId": "canary-input"})
    inputs = {"amount": float("nan")} if operation == "nan" else {"customerId": "canary-input"}
    return actions.post_integrations_action_execute(ACTION, inputs)


Genesys.configuration.host = base
try:
    client = Genesys.api_client.ApiClient().get_client_credentials_token("peer", os.environ["PEER_SECRET"])
    if operation in ("many", "turns"):
        print(json.dumps({"ok": True, "skip": rest != ["1"]}))
    else:
        print(json.dumps({"ok": True, "value": call()}, default=str))
except Exception as error:  # noqa: BLE001 (whatever it raises is what its caller gets)
    print(json.dumps({"ok": False, "text": f"{error!r} {error}"}))
