"""Sums: read "27+345" as characters, and write "372".

Nothing tells the network what a digit is worth. It is shown sums of numbers with one to three digits, nine in ten of
all that are made, and then asked the others. One network reads the sum from its end to its start, so that the first
digits, with which the answer begins, are fresh when it is done. All that it hands over is one vector, from which
another network writes the answer, digit by digit.

usage: python examples/addition.py [SECONDS] [SUMS]
"""

from __future__ import annotations

import random
import sys

import elman

OPTIONS = {"attention": "none", "bidirectional": False, "dropout": 0.0, "learning_rate": 3e-3}


def sums(count: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Different sums of two numbers and their answers; of a + b and b + a only one is among them."""
    draw = random.Random(seed)
    found: dict[tuple[int, int], tuple[int, int]] = {}
    while len(found) < count:
        # As many numbers of one digit as of three, as far as there are any.
        first, second = (int("".join(draw.choices("0123456789", k=draw.randint(1, 3)))) for _ in range(2))
        found.setdefault((min(first, second), max(first, second)), (first, second))
    pairs = list(found.values())
    # Short sums come first while there are some left.
    draw.shuffle(pairs)
    return [f"{first}+{second}" for first, second in pairs], [str(first + second) for first, second in pairs]


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 300.0
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 50_000
    questions, answers = sums(count)
    known, new = slice(0, count * 9 // 10), slice(count * 9 // 10, None)
    model = elman.Translator("characters", reverse_source=True, max_seconds=seconds, **OPTIONS)
    model.fit(questions[known], answers[known])
    written = model.translate(questions[new], beams=1)
    right = [answer == wanted for answer, wanted in zip(written, answers[new], strict=True)]
    print(f"right on sums that it never saw: {sum(right) / len(right):.1%}")
    for question, answer, good in list(zip(questions[new], written, right, strict=True))[:5]:
        print(f"{question:>7} = {answer:4}", "" if good else "wrong")


if __name__ == "__main__":
    main()
