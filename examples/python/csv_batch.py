"""A batch from a CSV file that can be killed and started again: each row is executed once, and no result is lost.

    pip install cxone-actions
    export CXONE_BASE_URL=… CXONE_CLIENT_ID=… CXONE_CLIENT_SECRET=…
    python csv_batch.py cases.csv results.csv trail

The trail is the memory. Started again, a row whose result is written is left alone; one that the gateway has accepted
is asked for and not sent again; one of which nobody knows whether it was executed is named, for somebody to look. The
rest is sent.
"""

import asyncio
import csv
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

from cxone_actions import ActionRequest, ActionResult, AsyncClient, CxoneError

CREATE_CASE = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"


def rows(path: Path) -> Iterator[ActionRequest]:
    """One row after the other, as they are needed: the file may be larger than the memory."""
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            inputs = {**row, "priority": int(row["priority"])}
            # The row's own name, the same in every run.
            yield ActionRequest(CREATE_CASE, inputs, correlation_id=f"case-{row['customerId']}")


def written(path: Path) -> set[str]:
    """Whose result is in the file. A line that a kill has cut in half does not count."""
    if not path.exists():
        return set()
    whole = path.read_text().rpartition("\n")[0]
    path.write_text(whole + "\n" if whole else "")
    return {line[0] for line in csv.reader(whole.splitlines())}


class Batch:
    def __init__(self, client: AsyncClient, results: Path) -> None:
        self._client = client
        self._done = written(results)
        accepted = client.audit.records(event="accepted")
        self._accepted = {record["correlation_id"]: record.get("invocation_id") for record in accepted}
        self._unknown = {left.correlation_id for left in client.recover() if left.state == "unknown"}
        self._file = results.open("a", newline="")
        self.troubles = 0

    async def run(self, requests: Iterable[ActionRequest]) -> None:
        with self._file:
            async for outcome in self._client.run_many(self._left(requests), concurrency=64):
                if outcome.error is None:
                    self._keep(outcome.request.correlation_id, outcome.unwrap())
                else:
                    self._trouble(outcome.request.correlation_id, outcome.error)

    async def _left(self, requests: Iterable[ActionRequest]) -> AsyncIterator[ActionRequest]:
        for request in requests:
            name = request.correlation_id
            if name in self._done:
                continue
            if name in self._unknown:
                self._trouble(name, "it may have been executed: look at the gateway")
            elif name not in self._accepted:
                yield request
            elif invocation := self._accepted[name]:
                await self._go_on(name, invocation)
            else:
                self._trouble(name, "it was executed, and this gateway tells results once")

    async def _go_on(self, name: Any, invocation: str) -> None:
        try:
            self._keep(name, await self._client.poll(invocation))
        except CxoneError as error:
            self._trouble(name, error)

    def _keep(self, name: Any, result: ActionResult) -> None:
        outputs = result.outputs or {}
        csv.writer(self._file).writerow([name, result.status, outputs.get("caseId", ""), result.error_message or ""])
        self._file.flush()

    def _trouble(self, name: Any, why: object) -> None:
        self.troubles += 1
        print(f"{name}: {why}", file=sys.stderr)


async def main(source: str, results: str, trail: str) -> int:
    async with AsyncClient(audit=trail, actor="csv-batch") as client:
        batch = Batch(client, Path(results))
        await batch.run(rows(Path(source)))
        numbers = client.metrics()
        print(f"sent {numbers.started}, completed {numbers.completed}, to look at {batch.troubles}")
    return 1 if batch.troubles else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
