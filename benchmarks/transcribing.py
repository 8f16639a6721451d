"""The transcriber on spoken digits: sequences of one to five digits, concatenated from clips of FSDD.

Clips 0 to 4 of each digit and speaker are the test part, as in the data set's split; 5 to 9 are for validation, and 10
to 49 for training. A sequence has random clips of one speaker without pauses; its text is, for example, "three one
seven". The bidirectional model needs the whole recording; the unidirectional one can transcribe a stream.
"""

from __future__ import annotations

import argparse
import io
import random
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from _common import dataset, machine, row

RATE = 8000
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
MAX_DIGITS = 5
PARTS = {"test": range(5), "valid": range(5, 10), "train": range(10, 50)}
WANTED = 0.03

Samples = npt.NDArray[np.float32]
Clips = dict[tuple[int, str, int], Samples]


class Model(NamedTuple):
    """Options of a transcriber."""

    preset: str
    options: Mapping[str, Any]


# Selected on the validation part.
MODELS = {
    "both ways": Model("base", {"hidden_size": 128, "normalise": "global", "dropout": 0.25, "max_epochs": 4.0}),
    "streaming": Model("streaming", {"hidden_size": 192, "max_epochs": 6.0}),
}
COMMON: dict[str, Any] = {
    "sample_rate": RATE,
    "low_hz": 50.0,
    "stack_frames": 5,
    "stride": 3,
    "dropout": 0.1,
    "learning_rate": 4e-3,
    "time_width": 6,
    "evaluate_every": 400,
}


def read_clips() -> Clips:
    """Read all clips by digit, speaker and number."""
    import soundfile

    clips: Clips = {}
    with tarfile.open(dataset("audio/fsdd-recordings.tar.gz")) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.name.endswith(".wav") else None
            if file is None:
                continue
            digit, speaker, number = member.name.rpartition("/")[2].removesuffix(".wav").split("_")
            samples, rate = soundfile.read(io.BytesIO(file.read()), dtype="float32")
            if rate != RATE:
                raise SystemExit(f"expected clips of {RATE} Hz. Received: {member.name} of {rate}")
            clips[int(digit), speaker, int(number)] = samples
    return clips


def sequences(clips: Clips, part: str, count: int, seed: int) -> tuple[list[Samples], list[str]]:
    """Make recordings of one to five digits of one part, each by one speaker, and their texts."""
    draw = random.Random(f"{part} {seed}")
    speakers = sorted({speaker for _, speaker, _ in clips})
    sounds, texts = [], []
    for _ in range(count):
        speaker = draw.choice(speakers)
        digits = [draw.randrange(10) for _ in range(draw.randint(1, MAX_DIGITS))]
        sounds.append(np.concatenate([clips[digit, speaker, draw.choice(PARTS[part])] for digit in digits]))
        texts.append(" ".join(WORDS[digit] for digit in digits))
    return sounds, texts


def run(name: str, model: Model, parts: dict[str, Any], given: dict[str, Any], save: Path | None) -> str:
    """Train, evaluate, and return a row of the table."""
    import elman

    begun, used = time.perf_counter(), time.process_time()
    transcriber = elman.Transcriber(model.preset, **{**COMMON, **model.options, **given})
    transcriber.fit(*parts["train"], rate=RATE, valid=parts["valid"])
    wall, cpu = time.perf_counter() - begun, time.process_time() - used
    valid = transcriber.metrics["valid"]
    print(
        f"{name}: {transcriber!r}, {transcriber.training['steps']:,} steps in {wall:.0f} s ({cpu:.0f} s of processor "
        f"time), validation WER {valid['wer']:.2%}, CER {valid['cer']:.2%}, loss {valid['loss']:.4f}",
        flush=True,
    )
    if save is not None:
        transcriber.save(save / name.replace(" ", "-"))
    if "test" not in parts:
        return row(name, f"{valid['wer']:.2%}", f"{valid['cer']:.2%}", f"{valid['exact']:.2%}")
    figures = transcriber.evaluate(*parts["test"], rate=RATE)
    return row(name, f"{figures['wer']:.2%}", f"{figures['cer']:.2%}", f"{figures['exact']:.2%}", f"{cpu:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=tuple(MODELS), help="only this model")
    parser.add_argument("--epochs", type=float, help="passes over the data, instead of each model's number")
    parser.add_argument("--train", type=int, default=8000, help="training sequences")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--choose", action="store_true", help="for selecting options: do not use the test part")
    parser.add_argument("--save", type=Path, help="save the models in this folder")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="an option of the models")
    arguments = parser.parse_args()
    print(machine(), flush=True)
    clips = read_clips()
    counts = {"train": arguments.train, "valid": 400, "test": 1000}
    if arguments.choose:
        del counts["test"]
    parts = {part: sequences(clips, part, count, arguments.seed) for part, count in counts.items()}
    for part, (sounds, texts) in parts.items():
        seconds, words = sum(map(len, sounds)) / RATE, sum(len(text.split()) for text in texts)
        print(f"{part}: {len(texts):,} sequences, {words:,} digits, {seconds:,.0f} s", flush=True)
    given: dict[str, Any] = {"threads": arguments.threads, "seed": arguments.seed}
    if arguments.epochs:
        given["max_epochs"] = arguments.epochs
    for each in arguments.set:
        name, _, value = each.partition("=")
        given[name] = int(value) if value.isdigit() else float(value) if value.replace(".", "").isdigit() else value
    rows = [
        run(name, model, parts, given, arguments.save)
        for name, model in MODELS.items()
        if arguments.only in (None, name)
    ]
    print(row("test part", f"WER (target: {WANTED:.0%})", "CER", "exact", "training"))
    print(row(*["---"] * 5))
    print("\n".join(rows))


if __name__ == "__main__":
    main()
