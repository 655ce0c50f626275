"""Prepare the first pairs of a TSV file, and print seconds and peak memory as JSON, for ``run.py faults``.

python bench/prepare_pairs.py FILE PAIRS
"""

from __future__ import annotations

import json
import sys
import time

from common import memory

import seqformer

begin = time.monotonic()
seqformer.prepare(sys.argv[1], max_pairs=int(sys.argv[2]), out="prepared/scale")
print(json.dumps({"seconds": time.monotonic() - begin, "peak": memory("VmHWM")}))
