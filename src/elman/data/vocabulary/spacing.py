"""Detokenization: spaces between words and punctuation marks."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

__all__ = ["Detokenizer"]

NO_SPACE_BEFORE = frozenset(",.;:!?)]}%…’।॥،؛؟、。，！？；：）」』】》")
NO_SPACE_AFTER = frozenset("([{¿¡#@、。，！？；：（「『【《")
# Punctuation marks without a space on either side.
TIGHT = frozenset("-—–/\n（「『【《")
# Before a number, currency signs have no space after them; after a number, one on both sides: $5, 5 €.
CURRENCY = frozenset("$£€¥₹₽₩₺₴₪¢")
# The marks that close the quotation that a mark opens.
CLOSING = MappingProxyType(
    {
        '"': '"',
        "'": "'",
        "“": "”",
        "”": "”",
        "„": "“”",
        "‚": "‘",
        "‘": "",  # closed by ’, which is also an apostrophe
        "«": "»",
        "»": "«»",
        "‹": "›",
        "›": "‹›",
    }
)
# Marks that only close where the text also has the other mark, which only opens.
OPENING = MappingProxyType({"”": "“", "»": "«", "›": "‹"})
# Endings that some corpora separate from their word: they 're, did n't.
ENDINGS = frozenset({"n't", "n’t"})
# Spelling of punctuation inside a word or number in the WikiText corpora.
INNER = MappingProxyType({"@-@": "-", "@,@": ",", "@.@": "."})
# After a word that ends in s, ' is an apostrophe unless another ' follows within this many tokens.
_AHEAD = 12
_JOINER = "\u200d"


class Detokenizer:
    """Joins tokens to text one by one, with spaces where natural text has them."""

    def __init__(self) -> None:
        self._space = False  # whether a space is allowed before the next token
        self._open: list[str] = []  # the quotation marks that are open
        self._opened: set[str] = set()  # the marks that have opened a quotation
        self._before = ""  # the last token
        self._flags = 0  # regional indicators at the end, of which two are a flag
        self._held: list[str] = []  # an apostrophe or quotation mark, and the tokens after it

    def join(self, tokens: Iterable[str]) -> str:
        """Return all tokens as text."""
        return "".join([*map(self.place, tokens), self.rest()])

    def place(self, token: str) -> str:
        """Return `token` as text, with a space before it where one is needed.

        The text may be empty, and the next one then has that of several tokens; `rest` has the last.
        """
        if self._held:
            self._held.append(token)
            return self.rest() if token in ("'", "\n") or len(self._held) > _AHEAD else ""
        if token == "'" and "'" not in self._open and self._before[-1:].lower() == "s":
            self._held = [token]
            return ""
        return self._place(token)

    def rest(self) -> str:
        """Return the text that is held back."""
        held, self._held = self._held, []
        if not held:
            return ""
        apostrophe = len(held) == 1 or held[-1] != "'"
        return "".join([self._place(held[0], apostrophe=apostrophe), *map(self._place, held[1:])])

    def _place(self, token: str, *, apostrophe: bool = False) -> str:
        inner = INNER.get(token)
        if inner is not None:
            self._space, self._before = False, token
            return inner
        if apostrophe:
            before, after = False, True
        elif token in CLOSING:
            before, after = self._quotation(token)
        else:
            before = token not in NO_SPACE_BEFORE and token not in TIGHT and not _is_ending(token)
            after = token not in NO_SPACE_AFTER and token not in TIGHT
        if self._before in CURRENCY and (token[:1].isdigit() or token == "[NUM]"):
            before = False
        if self._continues(token):
            before = False
        if token == "\n":
            self._open.clear()
        text = " " + token if before and self._space else token
        self._space = after
        self._before = token
        return text

    def _quotation(self, token: str) -> tuple[bool, bool]:
        """Return whether a quotation mark may have a space before and after it."""
        pair = next((place for place, each in enumerate(self._open) if token in CLOSING[each]), None)
        closes = pair is not None
        if pair is not None:
            del self._open[pair:]
        elif OPENING.get(token) in self._opened:
            closes = True
        else:
            self._open.append(token)
            self._opened.add(token)
        return not closes, closes

    def _continues(self, token: str) -> bool:
        """Return whether a token belongs to the emoji before it."""
        joined = token == _JOINER or (self._before == _JOINER and bool(token.strip()))
        flag = len(token) == 1 and "\U0001f1e6" <= token <= "\U0001f1ff"
        self._flags = self._flags + 1 if flag else 0
        return joined or _is_modifier(token) or (flag and self._flags % 2 == 0)


def _is_ending(token: str) -> bool:
    return (len(token) > 1 and token[0] in "'’" and token[1].isalpha()) or token in ENDINGS


def _is_modifier(token: str) -> bool:
    """Return whether a token changes the character before it: a skin tone, a variation selector, a keycap or a tag."""
    return len(token) == 1 and (
        "\U0001f3fb" <= token <= "\U0001f3ff"
        or "\ufe00" <= token <= "\ufe0f"
        or token == "\u20e3"
        or "\U000e0020" <= token <= "\U000e007f"
    )
