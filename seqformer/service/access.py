"""Who may ask a service: requests that hold a key, and scripts of pages from elsewhere."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

from seqformer.errors import SeqformerError

ANY = "*"
_ORIGIN = re.compile(r"https?://[^/\s?#@]+")


@dataclass(frozen=True)
class Access:
    """With ``keys`` a request must hold one of them; browsers let pages of ``origins`` read the answers.

    An origin is a scheme, a host and, if it is not the usual one, a port (``https://example.org``), or ``*``.
    Raises :class:`SeqformerError`.
    """

    keys: Sequence[str] = ()
    origins: Sequence[str] = ()

    def __post_init__(self) -> None:
        for origin in self.origins:
            if origin != ANY and not _ORIGIN.fullmatch(origin):
                form = f"it is a scheme and a host, such as https://example.org, or {ANY} for any"
                raise SeqformerError(f"origin {origin!r}: {form}")

    def allows(self, key: str) -> bool:
        """Return whether a key is one of them; it takes as long for a wrong one."""
        given = key.encode("utf-8", "replace")
        return any([hmac.compare_digest(given, each.encode()) for each in self.keys])
