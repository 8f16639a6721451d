"""Translators on Multi30k (sacrebleu), three-digit sums and transliteration, compared with target metrics.

usage: python benchmarks/translation.py [--only NAME ...] [--threads N] [--seed N] [--minutes M | --epochs N]
       python benchmarks/translation.py --only NAME --model FOLDER ...

Names: multi30k-de-en, multi30k-en-de, multi30k-no-attention, addition, transliteration. A name may have several models,
such as those that read the source forwards and backwards. `--keep FOLDER` saves every model there under its name;
`--model FOLDER ...` evaluates models that were trained before, in the order in which a run trains them.

Multi30k is lower-cased; the weights are selected on its 1,014 validation pairs, and test_2016_flickr is translated at
the end, greedily and with five beams. Sums and words are those of examples/; a tenth or eleventh is held out as test
data, and a fiftieth of the rest for validation.
"""

from __future__ import annotations

import argparse
import runpy
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from _common import dataset, machine

QUICK = False

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


class Data(NamedTuple):
    """Files, or sources and targets. Without `valid`, the option `held_out` sets the validation share."""

    train: Any
    valid: Any
    test: Any


@dataclass(frozen=True)
class Work:
    """One data set, the models to train on it, and their targets.

    data     function that finds or makes the data
    models   the options of each model by its name
    figure   the metric: bleu or exact
    asked    the target by the name of the model and the number of beams
    others   published results
    """

    data: Callable[[], Data]
    models: Mapping[str, Mapping[str, Any]]
    figure: str
    asked: Mapping[tuple[str, int], float] = field(default_factory=dict)
    others: str = ""


def multi30k(source: str, target: str) -> Data:
    """Return the three parts of Multi30k as files of two languages."""
    parts = ("train", "val", "test_2016_flickr")
    return Data(*([dataset(f"translation/multi30k/{part}.{side}.gz") for side in (source, target)] for part in parts))


def made(example: str, make: str, train: int, test: int) -> Data:
    """Make pairs with an example's function: the first for training, the others for testing."""
    known = runpy.run_path(str(EXAMPLES / f"{example}.py"), run_name=example)
    sources, targets = known[make](train + test)
    return Data((sources[:train], targets[:train]), None, (sources[train:], targets[train:]))


FIXED_VECTOR: dict[str, Any] = {"lowercase": True, "attention": "none", "bidirectional": False}
SUMS: dict[str, Any] = {
    "preset": "characters", "attention": "none", "bidirectional": False, "dropout": 0.0, "learning_rate": 3e-3,
    "max_epochs": 12.0, "held_out": 0.02,
}  # fmt: skip

WORKS: dict[str, Work] = {
    "multi30k-de-en": Work(
        lambda: multi30k("de", "en"), {"attention": {"lowercase": True}}, "bleu",
        {("attention", 1): 31.0, ("attention", 5): 33.0},
        "bentrevett's notebooks: GRU with attention 28.3, GRU 20.6, LSTM with a fixed vector 13.8",
    ),
    "multi30k-en-de": Work(
        lambda: multi30k("en", "de"), {"attention": {"lowercase": True}}, "bleu", {("attention", 5): 33.0},
        "published: attentive GRU with BPE 37 to 38, on a GPU",
    ),
    "multi30k-no-attention": Work(
        lambda: multi30k("de", "en"),
        {"forwards": {**FIXED_VECTOR}, "reversed": {**FIXED_VECTOR, "reverse_source": True}}, "bleu",
        others="bentrevett's notebooks: GRU 20.6, LSTM with a fixed vector 13.8",
    ),
    "addition": Work(
        lambda: made("addition", "sums", 45_000, 5_000),
        {"reversed": {**SUMS, "reverse_source": True}, "forwards": {**SUMS}}, "exact",
        {("reversed", 1): 0.99}, "Keras' example 99 %",
    ),
    "transliteration": Work(
        lambda: made("transliteration", "spellings", 20_000, 2_000),
        {"attention": {"preset": "characters", "held_out": 0.02}}, "exact", {("attention", 1): 0.99},
    ),
}  # fmt: skip


def trained(name: str, data: Data, options: Mapping[str, Any], keep: Path | None) -> Any:
    """Train a translator, with a run folder if the data are files."""
    import elman

    model = elman.Translator(**options)
    begun, used = time.perf_counter(), time.process_time()
    if isinstance(data.train, tuple):
        model.fit(*data.train, valid=data.valid)
        if keep is not None:
            model.save(keep / name)
    else:
        model.fit(data.train, valid=data.valid, folder=None if keep is None else keep / name)
    wall, cpu = time.perf_counter() - begun, time.process_time() - used
    print(
        f"{name}: {model!r}, {model.training['steps']:,} steps in {wall:.0f} s ({cpu:.0f} s of processor time)",
        flush=True,
    )
    return model


def loaded(name: str, folder: Path) -> Any:
    """Load a translator that was trained before."""
    import elman

    model = elman.Translator.load(folder)
    reported = model.training
    print(
        f"{name}: {model!r}, {reported['steps']:,} steps in {reported['seconds']:.0f} s, from {folder.name}", flush=True
    )
    return model


def measure(work: Work, name: str, variant: str, model: Any, test: Any) -> None:
    """Print a line for each search, and the signature of BLEU."""
    signature = ""
    for beams in (1, 5):
        given = test if isinstance(test, tuple) else (test,)
        begun = time.perf_counter()
        figures = model.evaluate(*given, beams=beams)
        seconds = time.perf_counter() - begun
        figure, asked = figures[work.figure], work.asked.get((variant, beams))
        shown = "{:.2%}".format if work.figure == "exact" else "{:.2f} BLEU".format
        verdict = "" if asked is None else f", target {shown(asked)}: {'reached' if figure >= asked else 'MISSED'}"
        search = "greedy" if beams == 1 else f"{beams} beams"
        print(
            f"{name}, {variant}, {search:7} {shown(figure)}{verdict}; {figures['pairs']:,} pairs in {seconds:.0f} s",
            flush=True,
        )
        signature = figures.get("bleu_signature", "") if work.figure == "bleu" else ""
    if signature:
        print(f"{name}, {variant}: {signature}", flush=True)


def run(name: str, arguments: argparse.Namespace) -> None:
    """Train or load the models of a data set, and evaluate them."""
    import torch

    work = WORKS[name]
    if arguments.model and len(arguments.model) != len(work.models):
        sys.exit(
            f"expected a model for each of {', '.join(work.models)} of {name}. Received: {len(arguments.model)} folders"
        )
    data = work.data()
    given: dict[str, Any] = {"threads": arguments.threads, "seed": arguments.seed, "device": "cpu"}
    if arguments.minutes:
        given["max_seconds"] = 60.0 * arguments.minutes
    if arguments.epochs:
        given["max_epochs"] = arguments.epochs
    for number, (variant, options) in enumerate(work.models.items()):
        if arguments.model:
            torch.set_num_threads(arguments.threads)
            model = loaded(f"{name}, {variant}", arguments.model[number])
        else:
            model = trained(f"{name}-{variant}", data, {**options, **given}, arguments.keep)
        measure(work, name, variant, model, data.test)
    if work.others:
        print(f"{name}: {work.others}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(WORKS), default=list(WORKS), metavar="NAME")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float, help="training budget of each model, instead of passes over the data")
    budget.add_argument("--epochs", type=float, help="passes over the data, instead of each preset's number")
    parser.add_argument("--model", nargs="+", type=Path, metavar="FOLDER", help="evaluate these trained models")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="save trained models in this folder")
    arguments = parser.parse_args()
    if arguments.model and len(arguments.only) != 1:
        sys.exit(f"expected one name after --only with --model. Received: {len(arguments.only)}")
    print(machine(), flush=True)
    for name in arguments.only:
        run(name, arguments)


if __name__ == "__main__":
    main()
