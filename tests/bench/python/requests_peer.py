"""requests as its users write it: one session for all threads, an adapter with a pool for all, a loop that looks."""

from __future__ import annotations

import time

import requests
from driver import URL, Case, Measure, threads
from requests.adapters import HTTPAdapter


def measured(case: Case) -> Measure:
    inputs = case.inputs()
    with requests.Session() as session:
        session.mount(case.base_url, HTTPAdapter(pool_maxsize=case.pool))
        if case.ca_file:
            session.verify = case.ca_file
        answer = session.post(f"{case.base_url}/api/v2/oauth/token", data=case.form(), timeout=30)
        answer.raise_for_status()
        session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

        def accepted() -> str:
            body = case.body(inputs)
            while True:
                answer = session.post(f"{case.base_url}{URL}", json=body, timeout=30)
                if answer.status_code == 429:
                    time.sleep(float(answer.headers.get("Retry-After", "1")))
                    continue
                answer.raise_for_status()
                return str(answer.json()["invocationId"])

        def one() -> str:
            invocation = accepted()
            if case.hold:
                time.sleep(case.hold)
            while True:
                answer = session.get(f"{case.base_url}{URL}/{invocation}", timeout=30)
                answer.raise_for_status()
                said = answer.json()
                if said["status"] in ("COMPLETED", "FAILED", "CANCELLED"):
                    return str(said["status"]) if said["outputs"] is not None else "no outputs"
                time.sleep(case.pause)

        threads(one, case.warmup, case.concurrency, [])
        measure = Measure()
        threads(one, case.invocations, case.concurrency, measure.took)
        measure.stop()
    return measure


if __name__ == "__main__":
    case = Case.read()
    measured(case).say(case)
