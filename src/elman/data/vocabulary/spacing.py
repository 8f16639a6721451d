"""Detokenization: spaces between words and punctuation marks."""

from __future__ import annotations

__all__ = ["Detokenizer"]

NO_SPACE_BEFORE = frozenset(",.;:!?)]}%…”’»、。，！？；：）」』】》")
NO_SPACE_AFTER = frozenset("([{“‘«¿¡$£€#@、。，！？；：（「『【《")
# Punctuation marks without a space on either side.
TIGHT = frozenset("-—–/\n（「『【《")
# Quotation marks that both open and close.
PAIRED = frozenset("\"'")
# Endings that some corpora separate from their word: they 're, did n't.
ENDINGS = frozenset({"n't", "n’t"})
# Spelling of punctuation inside a word or number in the WikiText corpora.
INNER = {"@-@": "-", "@,@": ",", "@.@": "."}


class Detokenizer:
    """Joins tokens to text one by one, with spaces where natural text has them."""

    def __init__(self) -> None:
        self._space = False  # whether a space is allowed before the next token
        self._open: set[str] = set()

    def place(self, token: str) -> str:
        """Return `token` as text, with a space before it where one is needed."""
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
