"""Train 30 steps on a prepared folder, and print what that takes as JSON, for ``run.py scale``.

    python bench/first_step.py DATA

Peak memory is the process's own: the prepared pairs are mapped, and their pages the system's to drop.
"""

from __future__ import annotations

import json
import sys
import time
from threading import Thread

from common import memory

from seqformer import api
from seqformer.training.events import Stepped

peak, events, times = 0.0, [], []


def watch() -> None:
    """Look at memory every 2 ms."""
    global peak
    while True:
        peak = max(peak, memory("RssAnon"))
        time.sleep(0.002)


def note(event: api.Event) -> None:
    """Keep the start of the training, and the time of each step."""
    if isinstance(event, api.Started):
        events.append(event)
    if isinstance(event, Stepped):
        times.append(time.monotonic())


Thread(target=watch, daemon=True).start()
begin = time.monotonic()
api.train(sys.argv[1], preset="tiny", max_steps=30, validate_every=1000, device="cpu", events=note)
batches, planned = events[0].trainer.batches, time.monotonic()
batches.plan(1, batches.parts - 1)
print(json.dumps({"first": times[0] - begin, "peak": peak, "plan": time.monotonic() - planned}))
