"""What a service counts, as Prometheus reads it: https://prometheus.io/docs/instrumenting/exposition_formats/"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from itertools import accumulate

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # upper edges
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counts of requests, and a histogram of their seconds."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()  # path, status
        self._buckets = [0] * (len(SECONDS) + 1)
        self._seconds = 0.0
        self.characters = 0  # of texts that were translated

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self._requests[path, status] += 1
        self._buckets[bisect_left(SECONDS, seconds)] += 1
        self._seconds += seconds

    def text(self, values: dict[str, tuple[str, str, float]]) -> str:
        """Return all as text; ``values`` are more, by name: what they count, their kind and their number."""
        lines = [
            "# HELP seqformer_requests_total Requests answered.",
            "# TYPE seqformer_requests_total counter",
        ]
        for (path, status), count in sorted(self._requests.items()):
            lines.append(f'seqformer_requests_total{{path="{path}",status="{status}"}} {count}')
        lines.append("# HELP seqformer_request_seconds Seconds from a request to its answer.")
        lines.append("# TYPE seqformer_request_seconds histogram")
        edges = [*(f"{edge:g}" for edge in SECONDS), "+Inf"]
        for edge, count in zip(edges, accumulate(self._buckets), strict=True):
            lines.append(f'seqformer_request_seconds_bucket{{le="{edge}"}} {count}')
        lines.append(f"seqformer_request_seconds_sum {self._seconds:.6f}")
        lines.append(f"seqformer_request_seconds_count {sum(self._buckets)}")
        more = {"characters_total": ("Characters of texts translated.", "counter", self.characters)}
        for name, (what, kind, value) in (more | values).items():
            lines += [f"# HELP seqformer_{name} {what}", f"# TYPE seqformer_{name} {kind}"]
            lines.append(f"seqformer_{name} {value}")
        return "\n".join(lines) + "\n"
