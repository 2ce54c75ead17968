"""A task for a scheduler that starts a failed task again, such as Airflow: executed once, however often it is tried.

Which failure may be tried again is what `executed` says. What was accepted is not sent again: the next try goes on
waiting for it. A try that is killed while it sends leaves a doubt behind, and no second execution.

    from airflow.sdk import task

    @task(retries=5, multiple_outputs=True)
    def create_case(inputs, *, ti):
        return attempt(inputs, name=f"{ti.dag_id}.{ti.task_id}.{ti.run_id}", memory=Variables())

    python airflow_task.py CUST-998877 state.json    # one try, without a scheduler
"""

import json
import sys
from collections.abc import Iterator, MutableMapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from cxone_actions import Client, CxoneError, Invocation, OutcomeUnknownError
from cxone_actions.types import Inputs

try:
    from airflow.exceptions import AirflowFailException as NoMoreTries  # pyright: ignore[reportMissingImports]
except ImportError:

    class NoMoreTries(Exception):  # type: ignore[no-redef]  # noqa: N818 - named as the one of Airflow is used
        """The task has failed for good, however many tries are left."""


CREATE_CASE = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
#: Nothing was executed, or it runs on: it may be different the next time.
PASSING = {"rate_limited", "unavailable", "overloaded", "poll_timeout"}
#: Remembered before anything is sent; no resume token looks like it.
SENDING = "sending"


def attempt(inputs: Inputs, *, name: str, memory: MutableMapping[str, str], timeout: float = 60) -> dict[str, Any]:
    """One try of the task.

    :param name: of this run of the task, the same in each of its tries
    :param memory: what outlives a try: a `Variable`, a table (and not XCom, which is cleared before the next try)
    :raises NoMoreTries: somebody has to look
    :raises CxoneError: try again
    """
    # The same in each try, so that the trail, the gateway and whoever has to look see one piece of work.
    correlation_id = sha256(name.encode()).hexdigest()[:32]
    with Client(actor="airflow") as client:
        try:
            known = memory.get(name)
            if known == SENDING:
                raise NoMoreTries(f"a try died while it was sending: look for {correlation_id}")
            accepted = known or send(client, inputs, correlation_id, name, memory)
            result = client.poll(accepted, timeout=timeout).raise_for_status()
        except OutcomeUnknownError as error:
            raise NoMoreTries(f"it may have been executed: look for {correlation_id}; {error.message}") from error
        except CxoneError as error:
            if error.kind in PASSING:
                raise
            raise NoMoreTries(str(error)) from error
    return {"case": result.outputs["caseId"], "correlation_id": correlation_id}


def send(
    client: Client, inputs: Inputs, correlation_id: str, name: str, memory: MutableMapping[str, str]
) -> Invocation:
    memory[name] = SENDING
    try:
        accepted = client.invoke(CREATE_CASE, inputs, correlation_id=correlation_id)
    except CxoneError as error:
        if error.executed == "no":
            del memory[name]
        raise
    if accepted.resume_token:
        memory[name] = accepted.resume_token
    return accepted


class File(MutableMapping[str, str]):
    """A memory for where there is no scheduler."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def _read(self) -> dict[str, str]:
        kept: dict[str, str] = json.loads(self._path.read_text()) if self._path.exists() else {}
        return kept

    def __getitem__(self, name: str) -> str:
        return self._read()[name]

    def __setitem__(self, name: str, value: str) -> None:
        self._path.write_text(json.dumps({**self._read(), name: value}))

    def __delitem__(self, name: str) -> None:
        self._path.write_text(json.dumps({key: value for key, value in self._read().items() if key != name}))

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())


def main(customer: str, state: str, timeout: float = 60) -> int:
    try:
        print(attempt({"customerId": customer}, name=f"cases.create.{customer}", memory=File(state), timeout=timeout))
    except NoMoreTries as error:
        print("failed for good:", error, file=sys.stderr)
        return 1
    except CxoneError as error:
        print("try again:", error.code, file=sys.stderr)
        return 75  # EX_TEMPFAIL
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], *(float(seconds) for seconds in sys.argv[3:])))
