"""Ensembles (`members`) and single networks, on validation data, by steps and by processor time.

usage: python benchmarks/ensembles.py {text,reviews,digits} [--seeds 1] [--steps 600] [--members 3]

text     tinyshakespeare by characters, the last tenth as validation data
reviews  sentences of movie reviews, a random fifth as validation data
digits   recordings of three spoken digits: each member alone, the mean of log-probabilities, that of probabilities

The first two also train one network for `members` times the steps.
"""

from __future__ import annotations

import argparse
import copy
import random
import time
from typing import Any

import numpy as np
from _common import dataset, machine
from transcribing import PARTS, RATE, WORDS, read_clips

COMMON: dict[str, Any] = {"threads": 1, "precision": "float32", "device": "cpu", "baseline": False}


def shown(figures: dict[str, Any]) -> str:
    """Format the figures of an evaluation."""
    return ", ".join(f"{name} {figures[name]:.4f}" for name in ("loss", "accuracy", "cer", "wer") if name in figures)


def trained(what: str, **options: Any) -> str:
    """Train on a text or on reviews, and return the validation figures."""
    import elman

    begun = time.process_time()
    if what == "reviews":
        model: Any = elman.Classifier("base", split=(0.8, 0.2, 0.0), **COMMON, **options)
        model.fit([dataset("classification/mr")], progress=False, tune=False)
    else:
        often = {"evaluate_tokens": 50_000, "evaluate_every": options["max_steps"] // 4}
        model = elman.LanguageModel("base", split=(0.9, 0.1, 0.0), **often, **COMMON, **options)
        model.fit([dataset("text/tinyshakespeare.txt")], progress=False, tune=False)
    return f"{shown(model.metrics['valid'])}, processor time {time.process_time() - begun:.0f} s"


def digits(count: int, part: str, clips: Any, draw: random.Random) -> tuple[list[Any], list[str]]:
    """Make recordings of three digits, each by one speaker, and their texts."""
    speakers = sorted({speaker for _, speaker, _ in clips})
    sounds, texts = [], []
    for _ in range(count):
        speaker, chosen = draw.choice(speakers), [draw.randrange(10) for _ in range(3)]
        sounds.append(np.concatenate([clips[digit, speaker, draw.choice(PARTS[part])] for digit in chosen]))
        texts.append(" ".join(WORDS[digit] for digit in chosen))
    return sounds, texts


def transcribed(seed: int, steps: int, members: int) -> None:
    """Train an ensemble of transcribers; print the error rates of each member and of two means."""
    import elman
    from elman.decode.ensembles import log_mean_probabilities
    from elman.tasks.transcriber import network

    clips, draw = read_clips(), random.Random(0)
    train, valid = digits(700, "train", clips, draw), digits(200, "valid", clips, draw)
    model = elman.Transcriber("small", sample_rate=RATE, seed=seed, members=members, max_steps=steps, **COMMON)
    model.fit(*train, valid=valid, progress=False, tune=False)
    for number, member in enumerate(model.network.members):
        single = copy.copy(model)
        single._network = member
        print(f"seed {seed}, member {number}: {shown(single.evaluate(*valid))}", flush=True)
    print(f"seed {seed}, mean of log-probabilities: {shown(model.evaluate(*valid))}", flush=True)
    network._mean = log_mean_probabilities  # type: ignore[attr-defined]
    print(f"seed {seed}, mean of probabilities: {shown(model.evaluate(*valid))}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("text", "reviews", "digits"))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--members", type=int, default=3)
    given = parser.parse_args()
    print(machine())
    for seed in range(given.seeds):
        if given.what == "digits":
            transcribed(seed, given.steps, given.members)
            continue
        for members, steps in ((1, given.steps), (given.members, given.steps), (1, given.members * given.steps)):
            figures = trained(given.what, seed=seed, members=members, max_steps=steps)
            print(f"seed {seed}, members {members}, {steps:,} steps: {figures}", flush=True)


if __name__ == "__main__":
    main()
