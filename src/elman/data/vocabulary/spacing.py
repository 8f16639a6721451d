"""Where spaces stand between words and punctuation when tokens are put back together. Knows nothing about numbers."""

from __future__ import annotations

__all__ = ["Spacing"]

NO_SPACE_BEFORE = frozenset(",.;:!?)]}%…”’»、。，！？；：）」』】》")
NO_SPACE_AFTER = frozenset("([{“‘«¿¡$£€#@、。，！？；：（「『【《")
# Signs that join the words on both sides of them.
TIGHT = frozenset("-—–/\n（「『【《")
# The same sign opens and closes.
PAIRED = frozenset("\"'")
# Endings that some corpora split from their word: they 're, did n't.
ENDINGS = frozenset({"n't", "n’t"})
# How the WikiText corpora write a sign inside a word or number.
INNER = {"@-@": "-", "@,@": ",", "@.@": "."}


class Spacing:
    """Gives each token with the space that belongs before it, for natural reading."""

    def __init__(self) -> None:
        self._space = False  # a space may stand before the next token
        self._open: set[str] = set()

    def place(self, token: str) -> str:
        """`token`, after a space if one belongs there."""
        inner = INNER.get(token)
        if inner is not None:
            self._space = False
            return inner
        before = token not in NO_SPACE_BEFORE and token not in TIGHT and not _is_ending(token)
        after = token not in NO_SPACE_AFTER and token not in TIGHT
        if token in PAIRED:
            before = token not in self._open
            after = not before
            self._open ^= {token}
        if token == "\n":
            self._open.clear()
        text = " " + token if before and self._space else token
        self._space = after
        return text


def _is_ending(token: str) -> bool:
    return (len(token) > 1 and token[0] in "'’" and token[1].isalpha()) or token in ENDINGS
