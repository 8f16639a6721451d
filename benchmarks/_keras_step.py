"""The Keras peer, a separate program: jitted training steps on JAX, as many as each line of stdin requests.

It answers each line with the loss of the last step. JAX has its own process because its threads would compete with
torch's for the cores. It uses one thread per core that the process may use.
"""

from __future__ import annotations

import argparse
import functools
import sys
from typing import Any

from elman.train.tuning import tune_allocator


def make_step(arguments: argparse.Namespace) -> Any:
    """Return a function that makes one step and returns its loss, and a function that waits for a result."""
    import jax
    import keras
    import numpy

    layer = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "rnn": keras.layers.SimpleRNN}[arguments.cell]
    model = keras.Sequential(
        [
            keras.layers.Input((arguments.time,), batch_size=arguments.batch, dtype="int32"),
            keras.layers.Embedding(arguments.vocabulary, arguments.hidden),
            layer(arguments.hidden, return_sequences=True),
            layer(arguments.hidden, return_sequences=True),
            keras.layers.Dense(arguments.vocabulary),
        ]
    )
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)

    def loss_of(trainable: Any, fixed: Any, tokens: Any, targets: Any) -> Any:
        logits, fixed = model.stateless_call(trainable, fixed, tokens, training=True)
        losses = keras.losses.sparse_categorical_crossentropy(targets, logits, from_logits=True)
        return losses.mean(), fixed

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(trainable: Any, fixed: Any, slots: Any, tokens: Any, targets: Any) -> Any:
        (loss, fixed), gradients = jax.value_and_grad(loss_of, has_aux=True)(trainable, fixed, tokens, targets)
        trainable, slots = optimizer.stateless_apply(slots, gradients, trainable)
        return loss, (trainable, fixed, slots)

    draw = numpy.random.default_rng(0)
    drawn = draw.integers(arguments.vocabulary, size=(arguments.batch, arguments.time + 1), dtype="int32")
    tokens, targets = jax.numpy.asarray(drawn[:, :-1]), jax.numpy.asarray(drawn[:, 1:])
    carried = tuple(
        [variable.value for variable in variables]
        for variables in (model.trainable_variables, model.non_trainable_variables, optimizer.variables)
    )

    def go() -> Any:
        nonlocal carried
        loss, carried = step(*carried, tokens, targets)
        return loss

    return go, jax.block_until_ready


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cell", required=True)
    for name in ("vocabulary", "hidden", "batch", "time"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--tuned", action="store_true")
    arguments = parser.parse_args()
    if arguments.tuned:
        tune_allocator()
    go, wait_for = make_step(arguments)
    for line in sys.stdin:
        for _ in range(int(line)):
            loss = go()
        print(float(wait_for(loss)), flush=True)


if __name__ == "__main__":
    main()
