"""Addition as translation of characters: read "27+345", and write "372".

The network is trained on nine tenths of the generated sums, of numbers with one to three digits, and tested on the
rest. The encoder reads the sum in reverse, so that it reads the first digits, with which the answer begins, last
(Sutskever, Vinyals & Le 2014). The decoder starts from the encoder's final state and writes the answer digit by digit,
without attention.

usage: python examples/addition.py [SECONDS] [SUMS]
"""

from __future__ import annotations

import random
import sys

import elman

OPTIONS = {"attention": "none", "bidirectional": False, "dropout": 0.0, "learning_rate": 3e-3}


def sums(count: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Make distinct sums of two numbers and their answers; only one of a + b and b + a is included."""
    draw = random.Random(seed)
    found: dict[tuple[int, int], tuple[int, int]] = {}
    while len(found) < count:
        # One, two and three digits are equally likely.
        first, second = (int("".join(draw.choices("0123456789", k=draw.randint(1, 3)))) for _ in range(2))
        found.setdefault((min(first, second), max(first, second)), (first, second))
    pairs = list(found.values())
    # Shuffled because the few short sums are mostly drawn early.
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
    print(f"correct on held-out sums: {sum(right) / len(right):.1%}")
    for question, answer, good in list(zip(questions[new], written, right, strict=True))[:5]:
        print(f"{question:>7} = {answer:4}", "" if good else "wrong")


if __name__ == "__main__":
    main()
