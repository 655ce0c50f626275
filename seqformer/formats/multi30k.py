"""Multi30k, task 1: image captions with its own valid and test files, fetched from its repository.

No tool that is kept up has its training files, so they are fetched file by file. The repository states no
digests; those below are of the text in each file, so that another text is refused.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import io
import time
import urllib.error
import urllib.request
import zlib
from pathlib import Path
from urllib.parse import urlparse

from seqformer.errors import DataError
from seqformer.storage.files import locked, new_folder

URL = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw"
LICENCE = "none stated at https://github.com/multi30k/dataset; a citation is asked for"
SILENT, SECONDS = 20, 300  # a server may be silent for so long; a file may take so long
MOST_BYTES = 16 << 20  # of a file, and of its text

# file -> SHA-256 of its text
DIGESTS = {
    "train.en": "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6",
    "train.de": "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72",
    "train.fr": "5925a3c18f1587b6b54b87743106e6e8ab93618edb6f65d19eac0621f853a10d",
    "val.en": "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227",
    "val.de": "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660",
    "val.fr": "5304e444d842e962b2dda4d816b70b22a1765b15401642b7ca37a67477e708dc",
    "test_2016_flickr.en": "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182",
    "test_2016_flickr.de": "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16",
    "test_2016_flickr.fr": "cb3160d69b002bb638e66cc7612fcd56cb0af82eadc9c142dedc438afb885ef6",
}
LANGUAGES = ("en", "de", "fr")
CITATION = """\
@inproceedings{elliott-etal-2016-multi30k,
  title = {Multi30K: Multilingual English-German Image Descriptions},
  author = {Elliott, Desmond and Frank, Stella and Sima'an, Khalil and Specia, Lucia},
  booktitle = {Proceedings of the 5th Workshop on Vision and Language},
  year = {2016}, pages = {70--74}, doi = {10.18653/v1/W16-3210}
}"""
CITATION_FRENCH = """
@inproceedings{elliott-etal-2017-findings,
  title = {Findings of the Second Shared Task on Multimodal Machine Translation and Multilingual Image Description},
  author = {Elliott, Desmond and Frank, Stella and Barrault, Loic and Bougares, Fethi and Specia, Lucia},
  booktitle = {Proceedings of the Second Conference on Machine Translation},
  year = {2017}, pages = {215--233}, doi = {10.18653/v1/W17-4718}
}"""  # noqa: E501


def citation(source: str, target: str) -> str:
    """Return what to cite for these languages."""
    return CITATION + CITATION_FRENCH * ("fr" in (source, target))


def fetch(name: str, source: str, target: str, cache: Path) -> Path:
    """Return a folder with the files of two languages, ``train.en.gz`` and so on, fetched if need be."""
    for side in (source, target):
        if side not in LANGUAGES or source == target:
            raise DataError(f"{name}: the languages of Multi30k are two of {', '.join(LANGUAGES)}")
    folder = cache / "-".join(sorted((source, target)))
    with locked(folder):
        if not folder.is_dir():
            with new_folder(folder) as partial:
                for file in DIGESTS:
                    if file.endswith((f".{source}", f".{target}")):
                        (partial / f"{file}.gz").write_bytes(_fetched(name, file))
    return folder


def _fetched(name: str, file: str) -> bytes:
    """Return a compressed file from the repository; refuse any other text than the one known."""
    url = f"{URL}/{file}.gz"
    content = _download(name, url)
    try:
        text = gzip.GzipFile(fileobj=io.BytesIO(content)).read(MOST_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{name}: {url} is not a whole gzip file ({error})") from None
    if hashlib.sha256(text).hexdigest() != DIGESTS[file]:
        raise DataError(f"{name}: {url} holds another text than expected; prepare files of your own instead")
    return content


def _download(name: str, url: str) -> bytes:
    content, end = b"", time.monotonic() + SECONDS
    try:
        with urllib.request.urlopen(url, timeout=SILENT) as response:
            while piece := response.read(1 << 16):
                content += piece
                if len(content) > MOST_BYTES or time.monotonic() > end:
                    raise DataError(f"{name}: {url} takes too long, or is too large to be right")
    except urllib.error.HTTPError as error:
        raise DataError(f"{name}: {urlparse(url).hostname} has no {url} (status {error.code})") from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise DataError(
            f"{name}: {urlparse(url).hostname} could not be reached ({reason}); is there a network? "
            "Files on disk need none"
        ) from None
    return content
