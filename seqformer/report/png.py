"""Pictures by matplotlib, an optional extra, without a window; files are complete or absent.

A picture draws any text as it is: nothing in it is a formula, and characters that the usual fonts lack are
drawn with others of the system. Its size is bounded, however long the text is.
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
from seqformer.storage.files import write_whole

DPI = 130
SIDE, PIXELS = 8_000, 12_000_000  # of a picture, at most
STYLE = {"text.usetex": False, "text.parse_math": False}  # no text is a formula, whatever a matplotlibrc says


def check(path: Path, font: Path | None = None) -> None:
    """Check that a picture can be made and written to ``path``, before any work is done for it."""
    if path.suffix.lower() != ".png":
        raise SeqformerError(f"{path}: the name of a picture must end in .png")
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
    ) -> None:
        """Make an empty figure of a size in inches, with fonts for the texts that it will hold.

        A large one gets fewer dots an inch. ``layout`` is how matplotlib arranges what is in it, or none.
        Raises :class:`MissingExtra`, and :class:`SeqformerError` for a
        ``font`` that is none.
        """
        try:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        except ImportError:
            raise MissingExtra("pictures need matplotlib, which is", "png") from None
        self._font, chosen = font, fonts.choose("".join(texts), font)
        self._families, self.remarks = chosen.families, chosen.remarks()
        with self.style():
            self.figure: Any = Figure(layout=layout)
            FigureCanvasAgg(self.figure)
            self.resize(width, height)

    def resize(self, width: float, height: float) -> None:
        """Give the figure a size in inches, and as many dots an inch as the bounds allow."""
        self.figure.set_size_inches(width, height)
        self.figure.set_dpi(min(DPI, SIDE / max(width, height), math.sqrt(PIXELS / (width * height))))

    @contextlib.contextmanager
    def style(self) -> Iterator[None]:
        """Return a block in which text is drawn with the picture's fonts, and matplotlib is silent."""
        import matplotlib

        with matplotlib.rc_context({**STYLE, "font.family": self._families}), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                yield
            except RuntimeError as error:  # of FreeType
                if self._font is None:
                    raise
                raise SeqformerError(f"{self._font}: this font cannot be drawn with ({error})") from None

    def save(self, path: Path) -> None:
        """Write the picture, complete or not at all."""
        check(path)
        write_whole(path, self._write)

    def to_bytes(self) -> bytes:
        """Return the picture as the bytes of a PNG, for notebooks."""
        buffer = io.BytesIO()
        self._write(buffer)
        return buffer.getvalue()

    def pixels(self) -> npt.NDArray[np.uint8]:
        """Return the picture as bytes (height, width, 3)."""
        with self.style():
            self.figure.canvas.draw()
        colours: npt.NDArray[np.uint8] = np.array(self.figure.canvas.buffer_rgba())[..., :3]
        return colours

    def _write(self, file: Any) -> None:
        with self.style():
            self.figure.canvas.print_png(file)  # draws once; savefig() draws twice
