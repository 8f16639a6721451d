"""Train the same small models with the code of two checkouts, and compare them bit by bit:

    python tests/golden/compare_runs.py OLD_CHECKOUT NEW_CHECKOUT [NAME ...] [--steps 20]

Each checkout has its own process with PYTHONPATH=CHECKOUT/src; the rest of the environment is passed on, such as
ELMAN_NATIVE_LIBRARIES, which names compiled libraries for a checkout without them. Compared are the loss of every step,
the figures of every evaluation, the weights, vocabulary.json, the metrics of elman.json, and what the trained model
answers and measures. A line for each run says "equal" or what differs. Any difference, and any run that fails, ends
with exit code 1.

Only public API takes part (the classes, `elman info`), and `elman.train.loop.Training.fit`, whose events are recorded.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import struct
import subprocess
import sys
import tempfile
import traceback
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.golden.plain import plain
from tests.golden.runs import RUNS, GoldenRun

# Options of this version that an earlier checkout knows by other names.
EARLIER_NAMES = {
    "batch_size": "lanes",
    "bptt": "chunk",
    "char_embedding": "letter_embedding",
    "char_hidden": "letter_hidden",
    "ema_decay": "average",
    "encoder_hidden_size": "encoder_hidden",
    "hidden_size": "hidden",
    "loss_steps": "counted",
    "residual_to_last": "anchor",
    "stack_frames": "stack",
}
# The names of a run's events, here and in earlier checkouts.
EVENTS = {"StepEvent": "StepEvent", "Stepped": "StepEvent", "EvaluationEvent": "EvaluationEvent",
          "Evaluated": "EvaluationEvent"}  # fmt: skip
RESULT = "result.json"
KERNELS = "kernels.json"
COMMON: dict[str, Any] = {
    "evaluate_every": 8,
    "warmup_steps": 4,
    "threads": 1,
    "device": "cpu",
    "precision": "float32",
    "seed": 7,
}


def train_all(checkout: Path, data: Path, out: Path, names: list[str], steps: int) -> None:
    """In the process of a checkout: every run, its folder and its result in `out`."""
    import torch

    import elman

    home = Path(elman.__file__).resolve()
    if not home.is_relative_to(checkout / "src"):
        raise SystemExit(f"expected the package of {checkout}. Received: {home}")
    torch.set_num_threads(1)
    (out / KERNELS).write_text(json.dumps(kernels()), encoding="utf-8")
    for name in names:
        folder = out / name
        try:
            result = train(RUNS[name], data / name, folder, steps)
        except Exception as error:  # whatever ends a run is what the comparison shows
            place = traceback.extract_tb(error.__traceback__)[-1]
            result = {"error": f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"}
        folder.mkdir(exist_ok=True)
        (folder / RESULT).write_text(json.dumps(result), encoding="utf-8")


def kernels() -> Any:
    """Which kernel runs every cell here, as `elman info` says."""
    from elman.cli import main

    with contextlib.redirect_stdout(io.StringIO()) as printed:
        main(["info", "--json"])
    return {name: facts["kernel"] for name, facts in json.loads(printed.getvalue())["kernels"].items()}


def train(run: GoldenRun, data: Path, folder: Path, steps: int) -> dict[str, Any]:
    """One run; what it said step by step, and what its model says."""
    import elman

    files = [data / name for name in json.loads((data / "files.json").read_text(encoding="utf-8"))]
    kind = getattr(elman, run.kind)
    known = {name for section in kind.setup_class.config_class.sections().values() for name in vars(section())}
    options = COMMON | {"max_steps": steps} | run.options
    if EARLIER_NAMES["hidden_size"] in known and options.get("kind") == "regression":
        options["kind"] = "score"
    model = kind(
        **{name if name in known | {"preset"} else EARLIER_NAMES[name]: value for name, value in options.items()}
    )
    with captured() as events:
        held_out = {"valid": files} if run.sees_all else {}
        model.fit(files, **held_out, folder=folder, progress=False, tune=False)
    losses = [event["loss"] for event in events if event["event"] == "StepEvent"]
    if len(losses) != steps:
        raise RuntimeError(f"expected the losses of {steps} steps. Received: {len(losses)}")
    return {
        "steps": [event for event in events if event["event"] == "StepEvent"],
        "evaluations": [event for event in events if event["event"] == "EvaluationEvent"],
        "figures": plain(model.evaluate(files, **run.measures)),
        "answers": plain(run.answers(model)),
    }


@contextlib.contextmanager
def captured() -> Iterator[list[dict[str, Any]]]:
    """While this is open, the events of every training are in the list."""
    from elman.train.loop import Training

    events: list[dict[str, Any]] = []
    fit = Training.fit

    def listening(training: Any) -> Iterator[Any]:
        for event in fit(training):
            kind = EVENTS.get(type(event).__name__)
            if kind == "StepEvent":
                names = ("step", "loss", "tokens", "epoch", "learning_rate", "gradient_norm")
                events.append({"event": kind, **{name: getattr(event, name) for name in names}})
            elif kind == "EvaluationEvent":
                events.append({"event": kind, "step": event.step, "metrics": plain(event.metrics)})
            yield event

    Training.fit = listening
    try:
        yield events
    finally:
        Training.fit = fit


def read_weights(path: Path) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    """The tensors of a safetensors file: type, shape and bytes of each."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header, body = json.loads(content[8 : 8 + length]), content[8 + length :]
    return {
        name: (entry["dtype"], tuple(entry["shape"]), body[slice(*entry["data_offsets"])])
        for name, entry in header.items()
        if name != "__metadata__"
    }


def weight_differences(old: Path, new: Path) -> Iterator[str]:
    """What differs between the weights of two folders."""
    one, other = (read_weights(folder / "weights.safetensors") for folder in (old, new))
    if list(one) != list(other):
        yield f"names of the weights: {sorted(one.keys() ^ other.keys()) or 'in another order'}"
    for name in one.keys() & other.keys():
        if one[name][:2] != other[name][:2]:
            yield f"{name} is {one[name][:2]}, now {other[name][:2]}"
        elif one[name][2] != other[name][2]:
            far = ""
            if one[name][0] == "F32":
                pairs = zip(array("f", one[name][2]), array("f", other[name][2]), strict=True)
                far = f" by up to {max(abs(a - b) for a, b in pairs):.3g}"
            yield f"{name} differs{far}"


def value_differences(old: Any, new: Any, path: str) -> Iterator[str]:
    """Where two JSON values differ; numbers must be the same to the last bit, and keys in the same order."""
    if isinstance(old, dict) and isinstance(new, dict):
        if list(old) != list(new):
            yield f"{path} has the keys {list(old)}, now {list(new)}"
        for key in [key for key in old if key in new]:
            yield from value_differences(old[key], new[key], f"{path}.{key}")
    elif isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            yield f"{path} has {len(old)} items, now {len(new)}"
        for place, (one, other) in enumerate(zip(old, new, strict=False)):
            yield from value_differences(one, other, f"{path}[{place}]")
    elif type(old) is not type(new) or repr(old) != repr(new):  # by their repr, so that NaN equals NaN
        yield f"{path} is {old!r}, now {new!r}"


def run_differences(old: Path, new: Path) -> Iterator[str]:
    """What differs between the folders of one run of two checkouts."""
    one, other = (json.loads((folder / RESULT).read_text(encoding="utf-8")) for folder in (old, new))
    results = {"old": one, "new": other}
    failed = [f"the {which} run failed: {each['error']}" for which, each in results.items() if "error" in each]
    if failed:
        yield from failed
        return
    yield from value_differences(one, other, "run")
    yield from weight_differences(old, new)
    for name in ("vocabulary.json", "elman.json"):
        documents = [json.loads((folder / name).read_text(encoding="utf-8")) for folder in (old, new)]
        if name == "elman.json":
            documents = [document["metrics"] for document in documents]
        yield from value_differences(*documents, name)


def start(checkout: Path, data: Path, out: Path, names: list[str], steps: int) -> subprocess.Popen[bytes]:
    """The process that trains with the code of a checkout."""
    out.mkdir()
    environment = os.environ | {
        "PYTHONPATH": str(checkout / "src"),
        "OMP_NUM_THREADS": "1",
        "ELMAN_CACHE": str(out / "cache"),
    }
    words = ["--train-with", str(checkout), "--data", str(data), "--out", str(out), "--steps", str(steps), *names]
    return subprocess.Popen([sys.executable, __file__, *words], env=environment, cwd=out)


def compare(old: Path, new: Path, names: list[str], steps: int) -> int:
    """Train with both checkouts, print what differs, and return the exit code."""
    with tempfile.TemporaryDirectory(prefix="elman-compare-") as temporary:
        place = Path(temporary)
        data = place / "data"
        for name in names:
            (data / name).mkdir(parents=True)
            files = [str(file.relative_to(data / name)) for file in RUNS[name].write(data / name)]
            (data / name / "files.json").write_text(json.dumps(files), encoding="utf-8")
        outs = (place / "old", place / "new")
        processes = [start(checkout, data, out, names, steps) for checkout, out in zip((old, new), outs, strict=True)]
        codes = [process.wait() for process in processes]
        if any(codes):
            print(f"expected both processes of training to end with 0. Received: {codes}", file=sys.stderr)
            return 1
        used = [json.loads((out / KERNELS).read_text(encoding="utf-8")) for out in outs]
        found = list(value_differences(*used, "kernels"))
        different = report("kernels", found)
        for name in names:
            different |= report(name, list(run_differences(outs[0] / name, outs[1] / name)))
    return int(different)


def report(name: str, found: list[str], most: int = 6) -> bool:
    """Print a run's line, and the first differences; returns whether there are any."""
    print(f"{name}: {'equal' if not found else f'{len(found)} differences'}", flush=True)
    for line in found[:most]:
        print(f"    {line if len(line) <= 300 else line[:300] + ' ...'}")
    if len(found) > most:
        print(f"    and {len(found) - most} more")
    return bool(found)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Compare training with the code of two checkouts bit by bit.")
    parser.add_argument("words", nargs="*", help="OLD_CHECKOUT NEW_CHECKOUT, and names of runs (default: all)")
    parser.add_argument("--steps", type=int, default=20)
    for name in ("--train-with", "--data", "--out"):
        parser.add_argument(name, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    checkouts = [] if given.train_with else given.words[:2]
    names = given.words[len(checkouts) :] or list(RUNS)
    if unknown := [name for name in names if name not in RUNS]:
        parser.error(f"expected runs among {', '.join(RUNS)}. Received: {', '.join(unknown)}")
    if given.train_with:
        train_all(given.train_with, given.data, given.out, names, given.steps)
        return 0
    places = [Path(each).resolve() for each in checkouts]
    if len(places) != 2 or any(not (place / "src" / "elman").is_dir() for place in places):
        parser.error(f"expected two checkouts with src/elman in them. Received: {' '.join(checkouts) or 'none'}")
    return compare(*places, names, given.steps)


if __name__ == "__main__":
    sys.exit(main())
