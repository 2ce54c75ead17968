"""The same with Flask: requests that wait for a case, and the callbacks that wake them, in the threads of one process.

pip install cxone-actions flask gunicorn
export CXONE_BASE_URL=… CXONE_CLIENT_ID=… CXONE_CLIENT_SECRET=… CXONE_CALLBACK_SECRET=whsec_…
PUBLIC_URL=https://cases.example.com gunicorn --workers 1 --threads 16 flask_callbacks:app

Of the threads, leave some to the callbacks: as many cases may wait as there are threads.
"""

import os
from typing import Any

from flask import Flask, request

from cxone_actions import Client

CREATE_CASE = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"

client = Client(actor="cases-api")
client.expect_callbacks(os.environ["PUBLIC_URL"] + "/callbacks")

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 64 * 1024


@app.post("/callbacks/<path:_>")
def called_back(_: str) -> tuple[str, int]:
    # The bytes as they came: what a JSON parser makes of them has another signature.
    ours = client.notify(request.path, request.headers, request.get_data())
    return "", 204 if ours else 404


@app.post("/cases")
def create_case() -> tuple[dict[str, Any], int]:
    case = request.get_json()
    result = client.run(CREATE_CASE, {"customerId": case["customerId"]}).raise_for_status()
    return {"id": result.invocation_id, "outputs": result.outputs}, 201
