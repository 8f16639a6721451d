"""A language model of words on WikiText-2 in so many seconds: test perplexity, with a neural cache, and dynamic.

The run is in a folder and can be stopped: the same command continues it, up to the same budget. All options of the
cache and of dynamic evaluation are chosen on validation data. Other options of `elman train lm` may follow.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from _common import dataset, machine

QUICK = False

# The setting: regularised as the AWD-LSTM, for a budget of some epochs.
SETTING: dict[str, Any] = {
    "tokens": "words",
    "tokenizer": "whitespace",
    "split": "1,0,0",
    "cell": "lstm",
    "layers": 2,
    "hidden_size": 400,
    "embedding": 400,
    "embedding_range": 0.1,
    "tied": True,
    "head": "sampled",
    "noise_samples": 4096,
    "batch_size": 32,
    "bptt": 70,
    "dropout": 0.3,
    "input_dropout": 0.25,
    "variational": True,
    "weight_drop": 0.1,
    "optimizer": "adamw",
    "weight_decay": 0.01,
    "learning_rate": 5e-3,
    "clip_norm": 1.0,
    "evaluate_tokens": 50_000,
    "baseline": False,
}
# Candidates of dynamic evaluation, which is slow: each is tried on the first tokens of the validation text.
RATES, DECAYS, TRIED_ON = (0.03, 0.1, 0.3, 1.0), (0.0, 0.001, 0.005), 20_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0, help="budget of training, evaluation included")
    parser.add_argument("--folder", type=Path, required=True, help="the model's folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dynamic", action="store_true", help="also with dynamic evaluation, which takes long")
    parser.add_argument("--window", type=int, default=3000, help="tokens of the neural cache")
    parser.add_argument("--valid-only", action="store_true", help="only the validation perplexity, to choose a setting")
    arguments, options = parser.parse_known_args()
    text = dataset("text/wikitext-2")
    print(machine(), flush=True)
    train(arguments, options, text)
    from elman import LanguageModel, load

    model = load(arguments.folder)
    if not isinstance(model, LanguageModel):
        sys.exit(f"expected a language model in {arguments.folder}. Received: {type(model).__name__}")
    described = json.loads((arguments.folder / "elman.json").read_text())["training"]
    print(f"steps, seconds                  {described['steps']:,}, {described['seconds']:.0f}", flush=True)
    valid, test = str(text / "valid.txt"), str(text / "test.txt")
    show("validation", model.evaluate(valid)["perplexity"])
    if arguments.valid_only:
        return
    show("test", model.evaluate(test)["perplexity"])
    cache = model.tune_cache(valid, window=arguments.window)
    begun = time.perf_counter()
    perplexity = model.evaluate(test, cache=cache)["perplexity"]
    show("test, neural cache", perplexity, f"{cache}, {time.perf_counter() - begun:.0f} s")
    if arguments.dynamic:
        evaluate_dynamically(model, valid, test)


def train(arguments: argparse.Namespace, options: list[str], text: Path) -> None:
    """Train a new model, or continue in its folder."""
    command = [sys.executable, "-m", "elman", "train"]
    if (arguments.folder / "elman.json").exists():
        command += ["--resume", str(arguments.folder)]
    else:
        setting = {name: value for name, value in SETTING.items() if f"--{name.replace('_', '-')}" not in options}
        command += ["lm", str(text / "train.txt"), "--valid", str(text / "valid.txt"), "-o", str(arguments.folder)]
        command += [*flags(setting), "--max-seconds", str(arguments.seconds), "--seed", str(arguments.seed), *options]
    subprocess.run(command, check=True)


def flags(setting: dict[str, Any]) -> list[str]:
    """Return options as flags of the command line."""
    found = []
    for name, value in setting.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            found.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            found += [f"--{flag}", str(value)]
    return found


def evaluate_dynamically(model: Any, valid: str, test: str) -> None:
    """Choose rate and decay on validation data, then evaluate the test data."""
    from elman.metrics.adapted_likelihood import DynamicEvaluation

    def tried(dynamic: DynamicEvaluation) -> float:
        found: float = model.evaluate(valid, dynamic=dynamic, limit=TRIED_ON)["perplexity"]
        return found

    rate = min(RATES, key=lambda each: tried(DynamicEvaluation(each)))
    best = min((DynamicEvaluation(rate, decay) for decay in DECAYS), key=tried)
    begun = time.perf_counter()
    perplexity = model.evaluate(test, dynamic=best)["perplexity"]
    show("test, dynamic evaluation", perplexity, f"{best}, {time.perf_counter() - begun:.0f} s")


def show(name: str, perplexity: float, more: str = "") -> None:
    """Print a perplexity."""
    print(f"{name:30}  {perplexity:.2f}  {more}", flush=True)


if __name__ == "__main__":
    main()
