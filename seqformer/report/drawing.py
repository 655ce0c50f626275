"""Pictures by matplotlib, an optional extra, without a window: PNG, SVG or PDF, complete or absent.

A picture draws any text as it is: nothing in it is a formula, and characters that the usual fonts lack are
drawn with others of the system. Its size is bounded, however long the text is. The text of SVG and PDF stays
text, which can be searched and copied. The same input gives the same bytes: a file holds no date.
"""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seqformer.errors import MissingExtra, SeqformerError
from seqformer.report import fonts
from seqformer.report.medium import SCREEN, Medium
from seqformer.storage.files import write_whole

FORMATS = (".png", ".svg", ".pdf")
SIDE, PIXELS = 8_000, 16_000_000  # of a picture, at most
STYLE = {
    "text.usetex": False, "text.parse_math": False,  # no text is a formula, whatever a matplotlibrc says
    "svg.fonttype": "none", "svg.hashsalt": "seqformer", "pdf.fonttype": 42,
}  # fmt: skip
METADATA: dict[str, dict[str, None]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
IMAGES = 300  # dots an inch of the maps in an SVG or PDF
INK = "black"
INKED = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")


def check(path: Path, font: Path | None = None) -> None:
    """Check that a picture can be made and written to ``path``, before any work is done for it."""
    if path.suffix.lower() not in FORMATS:
        raise SeqformerError(f"{path}: the name of a picture must end in .png, .svg or .pdf")
    if not path.absolute().parent.is_dir():
        raise SeqformerError(f"{path}: the folder {path.parent} does not exist")
    Picture(1, 1, (), font)


class Picture:
    """A figure of matplotlib, and remarks on what could not be drawn as it should be."""

    def __init__(
        self,
        width: float,
        height: float,
        texts: Iterable[str],
        font: Path | None = None,
        layout: Any = "constrained",
        medium: Medium = SCREEN,
        ink: str = INK,
    ) -> None:
        """Make an empty figure of a size in inches, with fonts for the texts that it will hold.

        ``medium`` decides the sizes of letters and the dots an inch; a large figure gets fewer. ``layout`` is
        how matplotlib arranges what is in it, or none. With an ``ink`` other than black the ground is
        transparent. Raises :class:`MissingExtra`, and :class:`SeqformerError` for a ``font`` that is none.
        """
        try:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        except ImportError:
            raise MissingExtra("pictures need matplotlib, which is", "png") from None
        self.medium, self._font, self._ink = medium, font, ink
        self._fonts = fonts.choose("".join(texts), font)
        self.remarks = self._fonts.remarks()
        with self.style():
            self.figure: Any = Figure(layout=layout)
            FigureCanvasAgg(self.figure)
            self.resize(width, height)

    def resize(self, width: float, height: float) -> None:
        """Give the figure a size in inches, and as many dots an inch as the bounds allow."""
        self.figure.set_size_inches(width, height)
        most = min(SIDE / max(width, height), math.sqrt(PIXELS / (width * height)))
        self.figure.set_dpi(min(self.medium.dots, most))

    @contextlib.contextmanager
    def style(self) -> Iterator[None]:
        """Return a block in which text is drawn with the picture's fonts, and matplotlib is silent."""
        import matplotlib

        medium = self.medium
        thin = medium.text / 10  # as matplotlib's lines are to its letters
        settings = {
            **STYLE,
            **dict.fromkeys(INKED, self._ink),
            "font.family": self._fonts.families,
            "font.size": medium.text,
            "axes.titlesize": medium.text, "figure.titlesize": medium.title,
            "xtick.labelsize": medium.label, "ytick.labelsize": medium.label,
            "legend.fontsize": medium.label,
            "axes.linewidth": 0.8 * thin, "lines.linewidth": 1.5 * thin,
        }  # fmt: skip
        with matplotlib.rc_context(settings), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                yield
            except RuntimeError as error:  # of FreeType
                if self._font is None:
                    raise
                raise SeqformerError(f"{self._font}: this font cannot be drawn with ({error})") from None

    def save(self, path: Path) -> None:
        """Write the picture, complete or not at all, in the format that the name ends in."""
        check(path)
        content = self.to_bytes(path.suffix.lower())
        write_whole(path, lambda beside: beside.write_bytes(content))

    def pixels(self) -> npt.NDArray[np.uint8]:
        """Return the picture as bytes (height, width, 3)."""
        with self.style():
            self.figure.canvas.draw()
        colours: npt.NDArray[np.uint8] = np.array(self.figure.canvas.buffer_rgba())[..., :3]
        return colours

    def to_bytes(self, suffix: str = ".png") -> bytes:
        """Return the picture as the bytes of a file whose name ends so."""
        buffer = io.BytesIO()
        with self.style():
            if suffix == ".png":
                self.figure.canvas.print_png(buffer)  # draws once; savefig() draws twice
            else:
                self.figure.savefig(
                    buffer,
                    format=suffix[1:],
                    dpi=IMAGES,
                    metadata=METADATA[suffix],
                    transparent=self._ink != INK,
                )
        return self._fonts.named(buffer.getvalue()) if suffix == ".svg" else buffer.getvalue()
