"""Keystrokes that suggested words save on held-out text, for language models and for counts of words.

usage: python benchmarks/suggest.py MODEL [MODEL ...] --text BOOK [--words 400] [--top 3] [--part test]

BOOK is the text that the models were trained on, with one split; its test or validation part is typed. A person types a
word letter by letter and looks at the `top` suggestions before each letter. Once the word is among them, one key writes
the rest of it, with the space after it. The share of keys saved is 1 - keys / characters of the text. The rules suggest
the most frequent words of the training part that begin as typed: by their counts alone, or by those after the word
before, and then by their counts alone. Intervals are of 95 %, by the bootstrap over lines.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from _common import machine

QUICK = False

WORD = re.compile(r"\w+(?:['’]\w+)*")
# What follows each beginning of the text: a function from the beginning of a word to words.
Suggest = Callable[[str], list[str]]
Session = Callable[[str], Suggest]


def keys_of(lines: list[str], session: Session, top: int) -> list[int]:
    """Return the number of keys that write each line; `session(text)` goes on with a piece of the whole text."""
    counts, unread = [], ""
    for line in lines:
        keys, at, read = 0, 0, 0
        for found in WORD.finditer(line):
            keys += found.start() - at
            suggest = session(unread + line[read : found.start()])
            unread, read, at = "", found.start(), found.end()
            word = found[0]
            for typed in range(len(word)):
                if word in suggest(word[:typed])[:top]:
                    keys += 1
                    at += line[at : at + 1] == " "
                    break
                keys += 1
        counts.append(keys + len(line) - at)
        unread += line[read:] + "\n"
    return counts


class Counts:
    """The rule: the most frequent words, or the most frequent ones after the word before."""

    def __init__(self, text: str, pairs: bool) -> None:
        words = WORD.findall(text)
        self.counts = Counter(words)
        self.after: defaultdict[str, Counter[str]] = defaultdict(Counter)
        if pairs:
            for first, second in pairwise(words):
                self.after[first][second] += 1
        self.likely = [word for word, _ in self.counts.most_common()]

    def start(self, top: int) -> Session:
        before = ""

        def session(piece: str) -> Suggest:
            nonlocal before
            before = (WORD.findall(piece) or [before])[-1]
            pairs = [word for word, _ in self.after[before].most_common()] if before in self.after else []

            def suggest(begun: str) -> list[str]:
                found: dict[str, None] = {}
                for word in (*pairs, *self.likely):
                    if word.startswith(begun):
                        found[word] = None
                        if len(found) == top:
                            break
                return list(found)

            return suggest

        return session


def session_of(model: object, top: int) -> Session:
    """Return a session of a model, which reads each piece of the text once."""
    state = None

    def session(piece: str) -> Suggest:
        nonlocal state
        if piece:
            state = model.next(piece, state=state).state  # type: ignore[attr-defined]
        return lambda begun: [each.word for each in model.suggest(begun, top=top, state=state)]  # type: ignore[attr-defined]

    return session


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--text", required=True)
    parser.add_argument("--words", type=int, default=400)
    parser.add_argument("--top", type=int, default=3)
    parser.add_argument("--part", choices=("valid", "test"), default="test")
    given = parser.parse_args()
    import elman

    text = Path(given.text).read_text("utf-8")
    train, valid = text[: round(0.9 * len(text))], text[round(0.9 * len(text)) : round(0.95 * len(text))]
    held_out = valid if given.part == "valid" else text[round(0.95 * len(text)) :]
    lines: list[str] = []
    for line in held_out.split("\n")[1:]:
        if sum(len(WORD.findall(each)) for each in lines) >= given.words:
            break
        lines += [line] if line else []
    systems: dict[str, Callable[[], Session]] = {}
    for name, pairs in (("counts of words", False), ("counts of pairs", True)):
        rule = Counts(train, pairs)
        systems[name] = lambda rule=rule: rule.start(given.top)  # type: ignore[misc]
    for path in given.models:
        model = elman.load(path)
        systems[path.name] = lambda model=model: session_of(model, given.top)  # type: ignore[misc]
    print(machine())
    sizes = np.array([len(line) for line in lines])
    print(f"{len(lines)} lines, {sizes.sum()} characters of the {given.part} part, {given.top} suggestions")
    rows = np.random.default_rng(0).integers(0, len(lines), (2000, len(lines)))
    rule_saved = None
    for name, start in systems.items():
        begun = time.perf_counter()
        keys = np.array(keys_of(lines, start(), given.top))
        seconds = time.perf_counter() - begun
        saved = 1 - keys.sum() / sizes.sum()
        drawn = 1 - keys[rows].sum(1) / sizes[rows].sum(1)
        low, high = np.quantile(drawn, (0.025, 0.975))
        more = ""
        if rule_saved is not None:
            low_more, high_more = np.quantile(drawn - rule_saved, (0.025, 0.975))
            more = f"  more than by pairs: {np.mean(drawn - rule_saved):+.1%} ({low_more:+.1%} to {high_more:+.1%})"
        print(f"{name:20} {saved:6.1%} ({low:.1%} to {high:.1%})  {seconds:5.0f} s{more}", flush=True)
        if name == "counts of pairs":
            rule_saved = drawn


if __name__ == "__main__":
    main()
