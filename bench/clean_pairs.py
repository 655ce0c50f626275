"""Clean the first pairs of a TSV file, and print seconds and peak memory as JSON, for ``run.py faults``.

python bench/clean_pairs.py FILE PAIRS
"""

from __future__ import annotations

import json
import sys
import time
from itertools import islice
from pathlib import Path

from common import memory

from seqformer.formats.corpus import open_corpus
from seqformer.text.clean import Cleaner, Filter, clean
from seqformer.text.normalize import Normalizer

begin = time.monotonic()
cleaner = Cleaner((Normalizer(), Normalizer()), Filter())
pairs = islice(open_corpus([Path(sys.argv[1])], cleaner.faults).pairs, int(sys.argv[2]))
clean(pairs, cleaner, Path("clean.tsv"))
print(json.dumps({"seconds": time.monotonic() - begin, "peak": memory("VmHWM")}))
