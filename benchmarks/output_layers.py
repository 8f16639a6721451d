"""Output layers of a language model of words on WikiText-2: time per step, and validation perplexity.

All are trained side by side for the same number of steps: a step of each, in turns, so that a busy machine slows all
of them alike. Ratios are medians of the ratios of such turns.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from _common import dataset, machine, row

QUICK = False

LAYERS: dict[str, dict[str, Any]] = {
    "softmax": {},
    "adaptive": {"head": "adaptive"},
    "sampled": {"head": "sampled"},
    "nce": {"head": "nce"},
    "softmax, tied": {"tied": True, "embedding_range": 0.1},
    "sampled, tied": {"head": "sampled", "tied": True, "embedding_range": 0.1},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300, help="steps of each output layer")
    parser.add_argument("--seconds", type=float, default=540.0, help="end earlier after so many seconds")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--samples", type=int, default=2048)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--heads", nargs="+", default=["softmax", "adaptive", "sampled", "nce"], choices=list(LAYERS))
    parser.add_argument("--limit", type=int, default=40_000, help="validation tokens")
    arguments = parser.parse_args()

    from elman.data.sources import Sources
    from elman.tasks.language_model.config import LanguageModelConfig
    from elman.tasks.language_model.setup import LanguageModelSetup
    from elman.train import StepEvent

    text = dataset("text/wikitext-2")
    print(machine(), flush=True)
    sources = Sources([text / "train.txt"], [text / "valid.txt"])
    common = {"tokens": "words", "tokenizer": "whitespace", "hidden_size": arguments.hidden, "split": (1.0, 0.0, 0.0)}
    common |= {"embedding": arguments.hidden, "batch_size": 32, "bptt": 35, "dropout": 0.2, "learning_rate": 3e-3}
    common |= {"max_steps": arguments.steps, "evaluate_every": 10**9, "precision": arguments.precision}
    runs: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as cache:
        for name in arguments.heads:
            options = LAYERS[name]
            noise = {"noise_samples": arguments.samples} if options.get("head") in ("sampled", "nce") else {}
            config = LanguageModelConfig.make("base", common, options, noise)
            setup = LanguageModelSetup.open(config, sources, cache=Path(cache))
            training = setup.trainer()
            runs[name] = (setup, training, training.fit(), [])
        print(f"{setup.summary()}", flush=True)
        begun, steps = time.perf_counter(), 0
        while steps < arguments.steps and time.perf_counter() - begun < arguments.seconds:
            for _, _, events, times in runs.values():
                for event in events:
                    if isinstance(event, StepEvent):
                        times.append(event.seconds)
                        break
            steps += 1
        print(f"{steps} steps of {32 * 35} words, validation on {arguments.limit:,} words", flush=True)
        print(row("head", "ms per step", "speed", "validation perplexity"))
        print(row("---", "---", "---", "---"))
        base = runs[arguments.heads[0]][3][3:]
        for name, (_, training, _, times) in runs.items():
            ratio = statistics.median(one / other for one, other in zip(base, times[3:], strict=True))
            training.objective.model.eval()
            perplexity = training.objective.evaluate(arguments.limit)["perplexity"]
            step = f"{1e3 * statistics.median(times[3:]):.0f}"
            print(row(name, step, f"{ratio:.2f}x", f"{perplexity:.1f}"), flush=True)


if __name__ == "__main__":
    main()
