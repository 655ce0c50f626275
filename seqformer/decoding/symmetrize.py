"""Symmetrization: one alignment from those of both directions.

    intersection       the links of both
    union              the links of either
    grow-diag-final    from the intersection to the union: links of the union that touch a link, also at a
                       corner, and join a word that has none yet, until there are no more; at last those
                       that join a word that still has none (Och and Ney 2003; Koehn, Och and Marcu 2003)

Which links grow depends on the order in which they are looked at. Here it is the distance from the starts of
both lines, then that from the diagonal, and equal ones are looked at together: so exchanging the directions,
or source and target, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

from seqformer.errors import SeqformerError, nearest
from seqformer.formats.pharaoh import Links

INTERSECTION, UNION, GROW_DIAG_FINAL = METHODS = ("intersection", "union", "grow-diag-final")


def check_method(method: str) -> None:
    """Raise :class:`SeqformerError` for a method that does not exist."""
    if method not in METHODS:
        raise SeqformerError(f"there is no symmetrization '{method}': {nearest(method, METHODS)}")


def symmetrize(method: str, one: Links, other: Links) -> Links:
    """Return one alignment from two of the same pair, each of links (source, target)."""
    check_method(method)
    if method == INTERSECTION:
        return one & other
    return one | other if method == UNION else _grow_diag_final(one, other)


def transposed(links: Links) -> Links:
    """Return links with source and target exchanged."""
    return frozenset((t, s) for s, t in links)


def _grow_diag_final(one: Links, other: Links) -> Links:
    links, before = one & other, None
    while links != before:
        before = links
        links = _added(links, one | other, _touches)
    return _added(links, one | other, lambda link, links: True)


def _added(links: Links, union: Links, allowed: Callable[[tuple[int, int], Links], bool]) -> Links:
    """Return links with those of the union that are allowed and join a word that has none yet."""
    for _, equal in groupby(sorted(union - links, key=_order), key=_order):
        sources, targets = {s for s, _ in links}, {t for _, t in links}
        links |= {
            link
            for link in equal
            if (link[0] not in sources or link[1] not in targets) and allowed(link, links)
        }
    return links


def _order(link: tuple[int, int]) -> tuple[int, int]:
    return link[0] + link[1], abs(link[0] - link[1])


def _touches(link: tuple[int, int], links: Links) -> bool:
    s, t = link
    return any((s + i, t + j) in links for i in (-1, 0, 1) for j in (-1, 0, 1))
