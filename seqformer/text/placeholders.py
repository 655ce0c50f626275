"""What in a text is no language and must come out as it went in: tags, places for values, addresses."""

from __future__ import annotations

import re

# each alternative takes time linear in the line
_SPANS = re.compile(
    r"""
      https?://[^\s<>"]+ | www\.[^\s<>"]+                      # addresses of pages
    | [\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+              # and of people
    | </?[A-Za-z][^<>]{0,200}>                                 # tags
    | &(?:[A-Za-z]{2,10}|\#\d{1,7}|\#x[0-9A-Fa-f]{1,6});       # characters by name or number
    | %\(\w{1,50}\)[sdif] | %(?:\d{1,2}\$)?[sdif@](?!\w)       # places of printf
    | \$?\{\{?[\w.:-]{1,50}\}?\}                               # and of format strings and templates
    """,
    re.VERBOSE,
)
_ENDS = ".,;:!?)»”’'"  # that an address in running text does not end with


def spans(line: str) -> list[str]:
    """Return such parts of a line, in their order."""
    found = []
    for match in _SPANS.finditer(line):
        text = match[0]
        found.append(text.rstrip(_ENDS) if text[:4] in ("http", "www.") else text)
    return found


def lost(source: str, translation: str) -> list[str]:
    """Return those of a source that its translation lacks; case and spaces do not count."""
    wanted = spans(source)
    if not wanted:
        return []
    squeezed = "".join(translation.split()).lower()
    return [span for span in wanted if "".join(span.split()).lower() not in squeezed]
