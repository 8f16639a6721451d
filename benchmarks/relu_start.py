"""Initial recurrent weights of ReLU cells, on validation data: MNIST rows, the adding problem and characters.

usage: python benchmarks/relu_start.py {mnist,adding,text} INITIALISER LAYERS [--steps 250] [--seed 0]

INITIALISER is a name of `elman.cells.INITIALISERS`, or `scaled-identity:A`, or `scaled-orthogonal:A`.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from _common import dataset, machine
from adding import make


def scaled(name: str) -> tuple[str, float]:
    """Return the initialiser and the factor of its weights."""
    kind, _, factor = name.partition(":")
    return kind.removeprefix("scaled-"), float(factor or 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("mnist", "adding", "text"))
    parser.add_argument("initialiser")
    parser.add_argument("layers", type=int)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    import elman
    from elman.cells import Cell

    name, factor = scaled(given.initialiser)
    if factor != 1.0:
        reset = Cell.reset_parameters

        def reset_scaled(self: Any) -> None:
            reset(self)
            self.weight_hh.data.mul_(factor)

        Cell.reset_parameters = reset_scaled  # type: ignore[method-assign]
    options: dict[str, Any] = {
        "layers": given.layers,
        "cell": "elman",
        "cell_options": {"nonlinearity": "relu", "recurrent_init": name},
        "threads": 1,
        "precision": "float32",
        "device": "cpu",
        "seed": given.seed,
        "max_steps": given.steps,
        "baseline": False,
        "explosion": 0.0,
    }
    model: Any
    if given.what == "mnist":
        model = elman.Classifier(**options, evaluate_every=given.steps, evaluate_tokens=2000, split=(0.95, 0.05, 0.0))
        model.fit(dataset("images/mnist/train-images-idx3-ubyte.gz"), progress=False)
    elif given.what == "adding":
        plain = {"bidirectional": False, "pool": "last", "output_dropout": 0.0, "standardise": "none"}
        training = {"learning_rate": 2e-3, "weight_decay": 0.0, "batch_size": 32, "split": (0.95, 0.05, 0.0)}
        training["evaluate_every"] = max(given.steps // 5, 1)
        model = elman.Classifier(kind="regression", hidden_size=64, **plain, **training, **options)
        model.fit(*make(20_000, 100, np.random.default_rng(0)), progress=False)
    else:
        model = elman.LanguageModel(hidden_size=128, evaluate_every=given.steps, evaluate_tokens=20_000, **options)
        model.fit(dataset("text/tinyshakespeare.txt"), progress=False)
    print(machine())
    print(given.what, given.initialiser, f"{given.layers} layers, {given.steps} steps, seed {given.seed}:")
    print(model.metrics["valid"])


if __name__ == "__main__":
    main()
