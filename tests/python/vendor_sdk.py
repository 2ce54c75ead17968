"""What the vendor's own SDK makes of a gateway: `vendor_sdk.py WORK`, the gateway in the environment, JSON on stdout.

A program of its own, so that the SDK's one configuration and its threads end with it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import PureCloudPlatformClientV2 as Vendor
from PureCloudPlatformClientV2.rest import ApiException

from actions import CREATE_CASE, ECHOES, FAILS, INPUTS, IS_CANCELLED

NESTED = {"text": "é", "list": [1, {"deep": None}], "flag": True, "number": 0.5}


def connected() -> Any:
    gateway = urlsplit(os.environ["GATEWAY_URL"])
    client = Vendor.api_client.ApiClient()
    client.set_gateway(gateway.hostname, gateway.scheme, gateway.port, None, None)
    client.set_default_header("ININ-Correlation-Id", "vendor-1")
    return client.get_client_credentials_token(os.environ["GATEWAY_CLIENT_ID"], os.environ["GATEWAY_CLIENT_SECRET"])


def refusal(client: Any, call: Callable[[], Any]) -> dict[str, Any]:
    """What the SDK's exception holds, and its body as the SDK's own model of an error."""
    try:
        call()
    except ApiException as error:
        response = SimpleNamespace(data=error.body, getheader=error.headers.get)
        parsed = client.deserialize(response, "ErrorBody")
        return {"status": error.status, "body": json.loads(error.body), "model": json.loads(parsed.to_json())}
    raise AssertionError("it was not refused")


def headers(client: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in client.last_response.getheaders().items()}


def data_actions(client: Any) -> dict[str, Any]:
    api = Vendor.IntegrationsApi(client)
    execute = api.post_integrations_action_execute
    created = execute("custom_-_create-case", INPUTS)
    answered = headers(client)
    action = api.get_integrations_action("custom_-_create-case", expand="contract")
    return {
        "created": created,
        "headers": answered,
        "echoed": execute("custom_-_echo", NESTED) == NESTED,
        "action": [type(action).__name__, action.id, action.name],
        "schema": json.loads(action.contract.input.input_schema.to_json()),
        "output_type": action.contract.output.success_schema.type,
        "unknown": refusal(client, lambda: execute("custom_-_nothing", {})),
        "incomplete": refusal(client, lambda: execute("custom_-_create-case", {"priority": 1})),
        "failed": refusal(client, lambda: execute("custom_-_fails", {})),
    }


def flows(client: Any) -> dict[str, Any]:
    api = Vendor.ArchitectApi(client)

    def ended(flow_id: str) -> dict[str, Any]:
        launch = Vendor.FlowExecutionLaunchRequest()
        launch.flow_id, launch.input_data, launch.name = flow_id, INPUTS, f"vendor-{flow_id}"
        launched = api.post_flows_executions(launch)
        while (execution := api.get_flows_execution(launched.id)).status == "RUNNING":
            time.sleep(0.01)
        error = execution.flow_error_info
        return {
            "type": type(execution).__name__,
            "same": [execution.id == launched.id, execution.name == launched.name == launch.name],
            "launched": execution.date_launched.isoformat(),
            "status": execution.status,
            "reason": execution.completion_reason,
            "error": error and [type(error).__name__, error.message],
            "outputs": execution.output_data,
        }

    return {
        "created": ended(CREATE_CASE),
        "echoed": ended(ECHOES)["outputs"] == INPUTS,
        "failed": ended(FAILS),
        "cancelled": ended(IS_CANCELLED),
        "headers": headers(client),
        "unknown": refusal(client, lambda: api.get_flows_execution("00000000-0000-4000-8000-00000000ffff")),
    }


def lost_answer(client: Any) -> dict[str, Any]:
    return {"answer": Vendor.IntegrationsApi(client).post_integrations_action_execute("custom_-_echo", NESTED)}


def hurried(client: Any) -> dict[str, Any]:
    execute = Vendor.IntegrationsApi(client).post_integrations_action_execute
    return {"answers": [execute("custom_-_echo", {"n": n}) for n in range(3)]}


def stranger(_: Any) -> dict[str, Any]:
    os.environ["GATEWAY_CLIENT_SECRET"] = "wrong"
    try:
        connected()
    except ApiException as error:
        return {"status": error.status, "body": json.loads(error.body)}
    raise AssertionError("it was let in")


WORK = {"data_actions": data_actions, "flows": flows, "lost": lost_answer, "hurried": hurried, "stranger": stranger}

if __name__ == "__main__":
    print(json.dumps(WORK[sys.argv[1]](connected())))
