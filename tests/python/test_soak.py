"""What `make soak` proves at length, held in small on every run: a million calls there are twenty thousand here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts" / "soak"))

import proofs

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="memory and descriptors are read from /proc"
)

SMALL = {proof.promise: proof for proof in proofs.ALL if proof.small}


@pytest.mark.parametrize("promise", SMALL)
def test_in_small(promise: str) -> None:
    proof = SMALL[promise]
    outcome = proof.run(proof.small)
    assert outcome.complaints == []
    assert outcome.figures
