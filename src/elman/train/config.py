"""Options of a training run. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from elman.options import automatic_value, option, section

__all__ = ["EVERY_EXAMPLE_EVALUATED", "ONE_TARGET_A_SEQUENCE", "TrainConfig"]

# Options that do nothing in some tasks, with the error of a value other than the default (`Sections.unused`).
ONE_TARGET_A_SEQUENCE: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("loss_from", "loss_to"), "expected loss_from and loss_to for tasks with a target at every step")
)
EVERY_EXAMPLE_EVALUATED: Mapping[str, str] = MappingProxyType(
    {
        "evaluate_tokens": "expected no evaluate_tokens: an evaluation measures all validation data, or as much of it "
        "as a budget in max_seconds allows (only language models, fillers and classifiers have a fixed limit)"
    }
)


@section
class TrainConfig:
    """Options of a training run."""

    optimizer: str = option("adamw", "adamw, adam, sgd, asgd, or the name of any class in torch.optim")
    learning_rate: float = option(4e-3, "the highest learning rate of the run", least=0.0)
    weight_decay: float | None = option(
        None, "weight decay; without a preset's, 0.1 for adamw and 0 for others", least=0.0
    )
    optimizer_options: dict[str, Any] = option({}, "further arguments of the optimiser, such as momentum=0.9")
    schedule: str = option(
        "cosine", "how the learning rate falls after warm-up", choices=("constant", "cosine", "linear", "plateau")
    )
    warmup_steps: int = option(100, "steps over which the learning rate rises to its highest value", least=0)
    final_rate: float = option(0.0, "cosine, linear: the last learning rate, as a fraction of the highest", least=0.0)
    plateau_patience: int = option(2, "plateau: evaluations without improvement before the rate falls", least=0)
    plateau_factor: float = option(0.5, "plateau: factor by which the rate is reduced", least=0.0)
    clip_norm: float = option(1.0, "clip gradients to this norm; 0 for no clipping", least=0.0)
    clip_value: float = option(0.0, "clip every gradient to plus or minus this value; 0 for no clipping", least=0.0)
    explosion: float = option(
        1e6,
        "stop when the gradient norm before clipping is above this in ten steps in a row, or without clip_norm in one; "
        "0: only when it is not finite",
        least=0.0,
    )
    accumulate: int = option(1, "batches whose gradients are accumulated for one step", least=1)
    ema_decay: float = option(
        0.0,
        "decay of a moving average of the weights, such as 0.999, that is evaluated and stored; 0 for none",
        least=0.0,
        most=0.999999,
        former=("average",),
    )
    average_trigger: int | None = option(
        None,
        "average the weights of all steps after the first regular evaluation that is worse than the best of those more "
        "than this many before it (NT-ASGD), to evaluate and store it; 0 for never (default: 5 with asgd)",
        least=0,
        absent=0,
    )
    loss_from: int = option(0, "first time step of a chunk that counts in the loss", least=0)
    loss_to: int = option(0, "time step of a chunk before which counting ends; 0 for the end of the chunk", least=0)
    max_steps: int = option(0, "stop after this many steps; 0 for no limit", least=0)
    max_epochs: float = option(0.0, "stop after this many passes over the data; 0 for no limit", least=0.0)
    max_seconds: float = option(0.0, "stop after this many seconds, evaluation included; 0 for no limit", least=0.0)
    evaluate_every: int = option(
        0, "steps between evaluations; 0 for about ten in the whole run, and some early ones", least=0
    )
    evaluate_tokens: int | None = option(
        None,
        "maximum number of validation tokens (classifiers: examples) that an evaluation uses, and of test tokens of a "
        "language model (default 250000, and the whole test part)",
        least=2,
        automatic=250_000,
    )
    sample_every: int = option(
        0, "regular evaluations after which a sample of the model's own output is shown; 0 for no samples", least=0
    )
    baseline: bool = option(
        True,
        "compare the trained network with simple rules on held-out data, in at most a twentieth of the run's time",
        absent=False,
    )
    patience: int | None = option(
        None,
        "stop after this many regular evaluations without improvement; 0 for never (default: stop where the validation "
        "only gets worse)",
        least=0,
    )
    checkpoint_seconds: float = option(30.0, "seconds between two checkpoints", least=0.0)
    precision: str = option(
        "auto",
        "bfloat16 runs matrix products in 16 bits; auto uses it where the processor supports it",
        choices=("auto", "float32", "bfloat16"),
    )
    device: str = option("auto", "auto, cpu, cuda or cuda:N")
    recompute: int = option(
        0,
        "time steps of a segment: the activations of one segment are in memory at a time, and those of the others are "
        "computed again in the backward pass; 0 for none",
        least=0,
    )
    swap_memory: bool = option(False, "on a GPU: keep activations in the host's memory until the backward pass")
    threads: int = option(
        0,
        "number of threads; 0 for OMP_NUM_THREADS, or one per core that this process may use, or fewer where that is "
        "measured to be faster",
        least=0,
        most=4096,
    )
    seed: int = option(0, "seed of all random numbers", least=0, most=2**63 - 1)
    freeze: tuple[str, ...] = option(
        (),
        "parts that are not trained: embedding, numbers of recurrent layers (1 reads the embedding), head, or names of "
        "weights such as encoder or crf; NAME:N trains a part after N epochs",
    )
    freeze_until: float = option(
        0.0, "epochs after which the parts of freeze are trained; 0 for never", least=0.0, most=1e9
    )
    unfreeze: str = option(
        "together",
        "gradual trains the head alone in the first epoch, and one part more from each further epoch on (Howard & "
        "Ruder 2018)",
        choices=("together", "gradual"),
    )
    layer_decay: float = option(
        1.0,
        "factor of the learning rate from the head to the layer below, and so on down to the embedding, such as 0.4",
        least=0.0,
        most=1.0,
    )
    start_vocabulary: str = option(
        "extend",
        "start from a model: add the new tokens of the data to its vocabulary, or keep it",
        choices=("extend", "keep"),
    )
    start_labels: str = option(
        "auto",
        "start from a model: labels and tags are its own with those of the data (extend), or those of the data "
        "(replace); auto extends if they share one",
        choices=("auto", "extend", "replace"),
    )
    start_scales: str = option(
        "auto",
        "start from a model: scales of the inputs are its own (source), or fitted to the data; auto: those of the "
        "source, and for a forecaster those of the data",
        choices=("auto", "source", "data"),
    )

    @property
    def validation_limit(self) -> int:
        """Maximum number of validation tokens or examples that an evaluation uses."""
        chosen = self.evaluate_tokens
        return int(automatic_value(self, "evaluate_tokens")) if chosen is None else chosen
