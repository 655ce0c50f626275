"""What a picture is made for: a slide, a paper or a screen; sizes in inches, letters in points.

A slide has one size, 16:9 as PowerPoint and Beamer have it, and letters that the last row can read. A picture
for a paper is as wide as a page of A4 between its margins at most, with letters like those of captions. On a
screen a picture may be longer than a page.
"""

from __future__ import annotations

from dataclasses import dataclass

from seqformer.errors import SeqformerError, nearest

POINT = 1 / 72  # of an inch
LINE = 1.25  # of the size of letters, from line to line


@dataclass(frozen=True)
class Medium:
    """The room that a picture has, and the sizes of what is drawn in it."""

    name: str
    width: float  # at most
    height: float
    fixed: bool  # whether a picture has this size, however little is in it
    dots: int  # an inch, of a PNG
    title: float  # points
    text: float  # of axes and captions
    label: float  # of pieces and numbers
    panel: tuple[float, float]  # width and height that a panel of curves has, if there is room
    cell: float  # of a map, at most
    suffix: str  # of files that such readers open most easily

    @property
    def line(self) -> float:
        """The height of a line of labels."""
        return self.label * POINT * LINE


MEDIA = {
    each.name: each
    for each in (
        Medium("slide", 13.333, 7.5, True, 144, 22, 16, 14, (6.0, 4.2), 1.1, ".png"),
        Medium("paper", 6.3, 8.7, False, 300, 9, 8, 7, (3.1, 2.5), 0.3, ".pdf"),
        Medium("screen", 12.0, 60.0, False, 130, 12, 10, 9, (4.0, 3.3), 0.45, ".svg"),
    )
}
SCREEN = MEDIA["screen"]


def medium(name: str) -> Medium:
    """Return what a picture is made for, by its name. Raises :class:`SeqformerError`."""
    if name not in MEDIA:
        raise SeqformerError(f"pictures are not made for '{name}': {nearest(name, tuple(MEDIA))}")
    return MEDIA[name]
