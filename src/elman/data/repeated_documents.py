"""Documents of a held-out part that the training part has too."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from elman.data.token_file import TokenFile

__all__ = ["documents_of", "repeated_documents"]

# Tokens of a training part in which documents are looked for.
_MOST = 100_000_000


def documents_of(tokens: TokenFile, end_id: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the token ids of each document with tokens, without end tokens."""
    kept: list[npt.NDArray[np.int64]] = []
    for block in tokens.blocks():
        first, *others = np.split(block, np.flatnonzero(block == end_id))
        kept.append(first)
        for each in others:
            yield from _whole(kept)
            kept = [each[1:]]
    yield from _whole(kept)


def _whole(parts: list[npt.NDArray[np.int64]]) -> Iterator[npt.NDArray[np.int64]]:
    whole = np.concatenate(parts)
    if len(whole):
        yield whole


def repeated_documents(train: TokenFile, held: TokenFile | None, end_id: int, part: str) -> list[str]:
    """Return the remark on documents of a held-out part that are in the training part too, if there are any."""
    if held is None or len(train) > _MOST:
        return []
    known = {document.tobytes() for document in documents_of(train, end_id)}
    found = [document.tobytes() in known for document in documents_of(held, end_id)]
    if not any(found):
        return []
    return [
        f"{sum(found):,} of {len(found):,} documents of the {part} text are also in the training text, so figures are "
        "better than on new data"
    ]
