"""The page of a run against the run itself: python bench/page.py --run RUN

    --lines 1000  --beams 1 5

Translates held-out sentences in headless Chromium by the page with fp32, fp16 and int8 weights, and by the
project's own search, and prints as a Markdown table: size of the file, seconds from opening it to the first
translation, lines that are equal, the largest difference of a score where they are, and milliseconds for a
piece.
Needs the extra "browser" and a chromium.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from common import arguments, keep

import seqformer
from seqformer.page import bundle
from seqformer.tasks import text_task

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
TRANSLATE = """([lines, beam]) => {
    const begin = performance.now();
    let pieces = 0;
    const found = lines.map((line) => {
        const found = seqformer.translate(seqformer.read(line), { beam });
        pieces += found.ids.length + 1;
        return [found.text, found.hypotheses[0].score];
    });
    return { found, milliseconds: (performance.now() - begin) / pieces };
}"""


def main() -> None:
    """Print the table."""
    from playwright.sync_api import sync_playwright

    parser = arguments(__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--lines", type=int, default=1000)
    parser.add_argument("--beams", type=int, nargs="+", default=[1, 5])
    options = parser.parse_args()
    model = seqformer.load(options.run)
    lines = [source for source, _ in text_task(model.run.task).pairs("test")][: options.lines]
    expected = {beam: model.translate(lines, beam=beam, whole=True) for beam in options.beams}
    figures: dict[str, Any] = {}
    print("| weights | MB | first translation | beam | equal lines | score differs by | ms a piece |")
    print("|---|---|---|---|---|---|---|")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for weights in reversed(bundle.PRECISIONS):
            written = bundle.write(model.run, Path(folder) / f"{weights}.html", weights)
            page, begin = browser.new_page(), time.monotonic()
            page.goto(written.path.as_uri())
            page.wait_for_selector("body[data-ready]", state="attached")
            opened = time.monotonic() - begin
            for beam, wanted in expected.items():
                told = page.evaluate(TRANSLATE, [lines, beam])
                pairs = list(zip(told["found"], wanted, strict=True))
                same = [abs(score - t.score) for (text, score), t in pairs if text == t.text]
                figures[f"{weights}, beam {beam}"] = {
                    "bytes": written.size, "seconds": opened, "equal": len(same), "of": len(lines),
                    "score": max(same), "milliseconds": told["milliseconds"],
                }  # fmt: skip
                print(
                    f"| {weights} | {written.size / 1e6:.1f} | {opened:.1f} s | {beam} | {len(same)} of "
                    f"{len(lines)} | {max(same):.1g} | {told['milliseconds']:.1f} |",
                    flush=True,
                )
            page.close()
        browser.close()
    keep("page", figures)


if __name__ == "__main__":
    main()
