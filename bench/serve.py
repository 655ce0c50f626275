"""The service under load, beside the command line: python bench/serve.py --run RUN

    --clients 1 4 16 64  --sentences 1 32  --seconds 20  --requests 100000  --workers 2  --beam 5  --lines F

Translates lines (F, or held-out sources of the run) by `seqformer translate`, with one process and with
``--workers``, and takes the faster one: sentences a second, without the time that starting takes. Then it
starts `seqformer serve`, and a load generator in a process of its own, on the loopback: each client sends its
next request when it has the answer to the last one. For each number of clients, and of sentences a request,
it prints as a Markdown table: sentences a second, also as a share of the command line's; requests and how
long they took (p50, p95); the generator's share of one core; requests refused (another status than 200);
answers lost, crossed (those of another sentence), and different from the command line's in another way (rows
of other batches differ by rounding); and the memory of the server's processes, at first, at most and at last.
A row ends after ``--seconds`` or ``--requests``.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from common import HERE, arguments, command, keep

COPIES = 3  # of the lines, for the command line: so long that its speed shows
COLUMNS = (
    "clients", "sentences a request", "sentences/s", "of the command line's", "requests", "p50", "p95",
    "generator", "refused", "lost", "crossed", "differing", "MiB at first, most, last",
)  # fmt: skip


def offline(folder: Path, lines: list[str], options: Namespace) -> tuple[list[str], float]:
    """Return the command line's translations, and its sentences a second with the best of two ways."""
    (folder / "many.txt").write_text("".join(f"{line}\n" for line in lines * COPIES), "utf-8")
    (folder / "one.txt").write_text(f"{lines[0]}\n", "utf-8")
    best, text = 0.0, ""
    for count in dict.fromkeys((1, options.workers)):
        given = ["translate", "--run", options.run.resolve(), "--beam", options.beam]
        given += ["--workers", count, "--input"]
        text, seconds = command(folder, *given, "many.txt")
        _, start = command(folder, *given, "one.txt")
        best = max(best, len(lines) * COPIES / max(seconds - start, 1e-9))
    return text.split("\n")[: len(lines)], best


@contextmanager
def server(options: Namespace) -> Iterator[tuple[int, str]]:
    """Yield the number of a serving process, and its URL."""
    given = ["-m", "seqformer", "serve", options.run.resolve(), "--port", 0]
    given += ["--workers", options.workers, "--beam", options.beam]
    process = subprocess.Popen([sys.executable, *map(str, given)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        url = process.stdout.readline().strip()
        if not url:
            sys.exit("the server did not start")
        yield process.pid, url
    finally:
        process.terminate()
        process.wait()


class Memory:
    """The memory of a process and its children in MiB, looked at every second."""

    def __init__(self, process: int) -> None:
        self._process, self.values, self._end = process, [self._now(process)], threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        while not self._end.wait(1):
            self.values.append(self._now(self._process))

    def _now(self, process: int) -> float:
        try:
            status = Path(f"/proc/{process}/status").read_text()
            children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        except OSError:
            return 0.0
        own = re.search(r"VmRSS:\s+(\d+)", status)
        return (int(own[1]) / 1024 if own else 0.0) + sum(self._now(int(child)) for child in children)

    def end(self) -> tuple[float, float, float]:
        """Return the first, the most and the last."""
        self._end.set()
        self._thread.join()
        return self.values[0], max(self.values), self.values[-1]


async def ask(streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], body: bytes) -> tuple[int, bytes]:
    """Send a request over a connection that stays, and return status and body of the answer."""
    reader, writer = streams
    head = f"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", answer.lower())
    assert length
    return int(answer.split(None, 2)[1]), await reader.readexactly(int(length[1]))


async def client(
    task: dict[str, Any], number: int, until: float, counts: Counter[str], took: list[float]
) -> None:
    """Send requests until the time or their number is reached, and look at every answer."""
    lines, wanted = task["lines"], task["wanted"]
    streams = await asyncio.open_connection(task["host"], task["port"])
    known = Counter(wanted)
    at = number * 7919
    while time.monotonic() < until and counts["requests"] < task["requests"]:
        counts["requests"] += 1
        own = [(at + i) % len(lines) for i in range(task["sentences"])]
        at += task["sentences"]
        texts = [lines[i] for i in own]
        to = {"q": texts, "source": task["source"], "target": task["target"]}
        begin = time.monotonic()
        try:
            status, body = await ask(streams, json.dumps(to).encode())
        except (OSError, asyncio.IncompleteReadError):
            counts["lost"] += len(own)
            streams = await asyncio.open_connection(task["host"], task["port"])
            continue
        took.append(time.monotonic() - begin)
        if status != 200:
            counts["refused"] += 1
            continue
        answers = json.loads(body)["translatedText"]
        counts["lost"] += len(own) - len(answers)
        counts["answered"] += len(answers)
        for i, answer in zip(own, answers, strict=False):
            if answer != wanted[i]:
                counts["crossed" if answer in known else "differing"] += 1
    streams[1].close()


async def generate(task: dict[str, Any]) -> dict[str, Any]:
    """Be the load generator: return what came of all requests."""
    counts, took = Counter[str](), list[float]()
    begin, cpu = time.monotonic(), time.process_time()
    until = begin + task["seconds"]
    await asyncio.gather(*(client(task, number, until, counts, took) for number in range(task["clients"])))
    seconds = time.monotonic() - begin
    edges = statistics.quantiles(took, n=20) if len(took) > 1 else took * 20
    return dict(counts) | {
        "seconds": seconds, "p50": edges[9], "p95": edges[18], "cpu": (time.process_time() - cpu) / seconds,
    }  # fmt: skip


def measured(process: int, speed: float, task: dict[str, Any]) -> dict[str, Any]:
    """Let the generator run, print its row, and return it."""
    memory = Memory(process)
    done = subprocess.run(
        [sys.executable, HERE / "serve.py", "--generate"],
        input=json.dumps(task), stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    row = json.loads(done.stdout) | {"memory": memory.end()}
    rate = row.get("answered", 0) / row["seconds"]
    times = [f"{row[name] * 1000:.0f} ms" for name in ("p50", "p95")]
    counts = [f"{row.get(name, 0):,}" for name in ("refused", "lost", "crossed", "differing")]
    cells = [str(task["clients"]), str(task["sentences"]), f"{rate:.0f}", f"{rate / speed:.2f}"]
    cells += [f"{row['requests']:,}", *times, f"{row['cpu']:.0%}", *counts]
    cells.append(", ".join(f"{value:,.0f}" for value in row["memory"]))
    print("| " + " | ".join(cells) + " |", flush=True)
    return row | {"clients": task["clients"], "sentences": task["sentences"], "rate": rate}


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--lines", type=Path)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--sentences", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--generate", action="store_true", help="be the load generator (used by the bench)")
    options = parser.parse_args()
    if options.generate:
        print(json.dumps(asyncio.run(generate(json.load(sys.stdin)))))
        return
    if not options.run:
        parser.error("--run RUN is missing")
    with tempfile.TemporaryDirectory() as folder:
        load(Path(folder), options)


def load(folder: Path, options: Namespace) -> None:
    """Measure the command line, and the server under each load."""
    from seqformer.runs.run import Run
    from seqformer.service.pairs import open_pair
    from seqformer.tasks import text_task

    run = options.run.resolve()
    pair = open_pair(run)
    held = [source for source, _ in text_task(Run(run).task).pairs("test")]
    given = options.lines.read_text("utf-8").splitlines() if options.lines else held
    lines = list(dict.fromkeys(line for line in given if line.strip()))
    wanted, speed = offline(folder, lines, options)
    print(f"The command line: {speed:.0f} sentences a second, {len(lines):,} lines.\n")
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|")
    rows = []
    with server(options) as (process, url):
        for sentences in options.sentences:
            for clients in options.clients:
                where = {"host": urlsplit(url).hostname, "port": urlsplit(url).port}
                task = where | {
                    "lines": lines, "wanted": wanted, "clients": clients, "sentences": sentences,
                    "seconds": options.seconds, "requests": options.requests,
                    "source": pair.source, "target": pair.target,
                }  # fmt: skip
                rows.append(measured(process, speed, task))
    keep("serve", {"command line": speed, "lines": len(lines), "rows": rows})


if __name__ == "__main__":
    main()
