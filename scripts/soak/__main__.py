"""`make soak`: the longer proofs. Prints figures, writes nothing, and fails if one proof does.

Each repeats what users' processes really do at bad moments (exit, fork, Ctrl-C, kill) or a great many calls, against
a sandbox in this process, which counts what was executed. SOAK=10 makes everything ten times as long.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import proofs

FACTOR = float(os.environ.get("SOAK", "1"))


def main() -> int:
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors, factor {FACTOR:g}\n")
    print(f"{'proof':<58}{'times':>8}{'broken':>8}{'slowest':>10}{'seconds':>9}  figures")
    broken = 0
    for proof in proofs.ALL:
        times = max(1, round(proof.times * FACTOR))
        began = time.monotonic()
        outcome = proof.run(times)
        broken += len(outcome.complaints)
        slowest = "-" if outcome.slowest is None else f"{outcome.slowest * 1000:.0f} ms"
        spent = time.monotonic() - began
        print(
            f"{proof.promise:<58}{times:>8}{len(outcome.complaints):>8}{slowest:>10}{spent:>9.1f}  {outcome.figures}",
            flush=True,
        )
        for complaint in outcome.complaints[:5]:
            print(f"    {complaint}", file=sys.stderr)
    print("\nevery proof held" if broken == 0 else f"\n{broken} times a promise was broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
