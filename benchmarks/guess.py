"""How often a likelihood ratio knows a person's passage from a model's, and the model's likelihood alone.

usage: python benchmarks/guess.py MODEL [MODEL ...] [--text BOOK] [--rounds 100] [--length 200] [--seed 0]

The rounds are those of `elman guess`: BOOK, or the training text of each model, of which the held-out part is used.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from _common import machine, row

QUICK = False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--length", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    import elman

    print(machine())
    print(row("model", "rounds", "likelihood ratio", "likelihood of the model alone", "passages from"))
    print(row(*["---"] * 5), flush=True)
    for path in arguments.models:
        model = elman.LanguageModel.load(path)
        text = () if arguments.text is None else arguments.text
        rounds = model.guess_rounds(text, rounds=arguments.rounds, length=arguments.length, seed=arguments.seed)
        ratio = sum(each.by_likelihood == each.human for each in rounds) / len(rounds)
        alone = sum(alone_of(each.nats_per_char) == each.human for each in rounds) / len(rounds)
        print(row(path.name, len(rounds), f"{ratio:.0%}", f"{alone:.0%}", rounds.source), flush=True)


def alone_of(nats_per_char: tuple[float, float]) -> int:
    """Return the passage that is less likely under the model."""
    return 1 if nats_per_char[0] >= nats_per_char[1] else 2


if __name__ == "__main__":
    main()
