"""Transliteration of Greek words into Latin letters.

Most letters are replaced one by one, but some depend on their neighbours: αυ is "av", but "af" before a voiceless
letter; μπ is "b" at the start of a word and "mp" within it; γγ is "ng". The words are made up; the rules below, a short
form of those for passports, give the targets. The network is trained on pairs only, and tested on new words.

usage: python examples/transliteration.py [SECONDS] [WORDS]
"""

from __future__ import annotations

import random
import sys

import elman

LETTERS = dict(zip("αβγδεζηικλμνξοπρσςτυφω", "avgdeziiklmnxoprsstyfo", strict=True))
LETTERS |= {"θ": "th", "χ": "ch", "ψ": "ps"}
PAIRS = {"ου": "ou", "γγ": "ng", "γξ": "nx", "γχ": "nch"}
VOICELESS = "θκξπσςτφχψ"

ONSETS = [*"βγδζθκλμνξπρστφχψ", "μπ", "ντ", "γγ", "γχ", "γξ", "στ", "πρ", "τρ", "σκ", "γλ", "φθ", "χρ", ""]
VOWELS = [*"αεηιουω", "ου", "αυ", "ευ", "ηυ", "αι", "ει", "οι"]
CODAS = ["", "", "", "ν", "ρ", "σ", "λ"]


def latin(word: str) -> str:
    """Transliterate a word of small Greek letters without accents."""
    written, at = "", 0
    while at < len(word):
        two, after = word[at : at + 2], word[at + 2 : at + 3]
        if two in ("αυ", "ευ", "ηυ"):
            written += LETTERS[two[0]] + ("f" if not after or after in VOICELESS else "v")
        elif two == "μπ" and at == 0:
            written += "b"
        elif two in PAIRS:
            written += PAIRS[two]
        else:
            written += LETTERS[word[at]]
            two = word[at]
        at += len(two)
    return written


def words(count: int, seed: int = 0) -> list[str]:
    """Make distinct random words of two to five syllables."""
    draw = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        syllables = range(draw.randint(2, 5))
        word = "".join(draw.choice(ONSETS) + draw.choice(VOWELS) + draw.choice(CODAS) for _ in syllables)
        # The letter sigma has another form at the end of a word.
        found[word[:-1] + "ς" if word.endswith("σ") else word] = None
    return list(found)


def spellings(count: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Make words in Greek letters and their transliterations."""
    greek = words(count, seed)
    return greek, [latin(word) for word in greek]


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 120.0
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 22_000
    greek, spelt = spellings(count)
    known, new = slice(0, count * 10 // 11), slice(count * 10 // 11, None)
    model = elman.Translator("characters", max_seconds=seconds)
    model.fit(greek[known], spelt[known])
    written = model.translate(greek[new], beams=1)
    right = [answer == wanted for answer, wanted in zip(written, spelt[new], strict=True)]
    print(f"correct on held-out words: {sum(right) / len(right):.1%}")
    for word in ("ευχαριστω", "μπαμπας", "αυτοκινητο", "αγγελος"):
        (answer,) = model.translate([word])
        print(f"{word:12} {answer:14} by rule: {latin(word)}")


if __name__ == "__main__":
    main()
