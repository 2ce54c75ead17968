"""A Celery application as it is deployed: one client, made when the module is loaded, used by every pool process.

Run as a program it is the producer: `tasks.py NAME COUNT` sends that many tasks and prints what they returned.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from celery import Celery

from actions import AT_ONCE, CREATE_CASE, INPUTS
from cxone_actions import Client

spool = Path(os.environ["CELERY_SPOOL"])
folders = {name: spool / name for name in ("queue", "processed", "control", "results")}
for folder in folders.values():
    folder.mkdir(exist_ok=True)

app = Celery("tasks", broker="filesystem://", backend=folders["results"].as_uri())
app.conf.broker_transport_options = {
    "data_folder_in": str(folders["queue"]),
    "data_folder_out": str(folders["queue"]),
    "processed_folder": str(folders["processed"]),
    "control_folder": str(folders["control"]),
    "polling_interval": 0.02,
}
client = Client()


@app.task(name="create_case")  # type: ignore[untyped-decorator]
def create_case(correlation_id: str) -> dict[str, Any]:
    return {"ok": client.run(CREATE_CASE, INPUTS, correlation_id=correlation_id).ok, "pid": os.getpid()}


if __name__ == "__main__":
    name, count = sys.argv[1], int(sys.argv[2])
    sent = [create_case.delay(f"{name}-{number}") for number in range(count)]
    print(json.dumps([task.get(timeout=60) for task in sent]))
else:
    # The worker has used it by the time that it forks its pool.
    assert client.run(AT_ONCE, {}).ok
