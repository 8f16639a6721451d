"""Makes the golden models that are missing: `python -m tests.golden.make [NAME ...]`. One that is there is kept.

A golden model is a folder in `models` as the code of its day wrote it, with data and what it answered. What is frozen
there must not follow the code: a model is made once, and a change that is meant removes its folder first.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from .cases import CASES, COMMON, GoldenCase
from .plain import keys_of, plain, written

__all__ = ["ANSWERS", "DATA", "MODELS", "asked", "evaluated", "info_keys", "main", "trained"]

MODELS = Path(__file__).parent / "models"
ANSWERS, DATA = "answers.json", "data"
# The model whose history is kept, for its header.
WITH_HISTORY = "language-model"


def trained(case: GoldenCase, place: Path, folder: Path, **options: Any) -> list[Path]:
    """Train the case's model in `folder` on data written to `place`; returns the files of data."""
    import torch

    import elman

    torch.set_num_threads(1)
    place.mkdir(parents=True, exist_ok=True)
    files = case.write(place)
    with contextlib.chdir(place):  # no folder of this machine gets into the model
        model = getattr(elman, case.kind)(**{"preset": "base"} | COMMON | case.options | options)
        paths = [file.relative_to(place) for file in files]
        held_out = {"valid": paths} if case.sees_all else {}
        model.fit(paths, **held_out, folder=folder, progress=False, tune=False)
    return files


def asked(case: GoldenCase, model: Any) -> dict[str, Any]:
    """What a model answers to the case's questions."""
    return {name: plain(question(model)) for name, question in case.ask.items()}


def evaluated(words: list[str], folder: Path) -> Any:
    """What `elman evaluate` says of the model in `folder`; `words` name data inside it."""
    return printed(["evaluate", str(folder), *(str(folder / word) if "/" in word else word for word in words)])


def info_keys(folder: Path) -> list[str]:
    """The keys of `elman info`; those of the kernels depend on the machine."""
    return keys_of(printed(["info", str(folder)]) | {"runs_on": None})


def printed(words: list[str]) -> Any:
    """The JSON document that a command prints."""
    from elman.cli import main as elman_main

    with contextlib.redirect_stdout(io.StringIO()) as out:
        code = elman_main([*words, "--json"])
    if code:
        raise RuntimeError(f"expected elman {words[0]} to end with 0. Received: {code}")
    return json.loads(out.getvalue())


def make(name: str) -> None:
    """Make one golden model."""
    import elman

    case = CASES[name]
    MODELS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["ELMAN_CACHE"] = f"{temporary}/cache"
        folder = Path(temporary, "model")
        files = trained(case, folder / DATA, folder)
        kept = case.keep(files)
        for path in (folder / "tensorboard", folder / "training"):
            shutil.rmtree(path, ignore_errors=True)
        for path in folder.glob("*.png"):
            path.unlink()
        if name != WITH_HISTORY:
            (folder / "history.csv").unlink()
        words = [*(str(file.relative_to(folder)) for file in kept), *case.flags]
        document = {
            "class": case.kind,
            "answers": asked(case, elman.load(folder)),
            "evaluate": words,
            "figures": evaluated(words, folder),
            "info_keys": info_keys(folder),
        }
        (folder / ANSWERS).write_text(written(document), encoding="utf-8")
        shutil.copytree(folder, MODELS / name)


def main(names: list[str]) -> int:
    """Make the models of these names, or all, unless they are there."""
    for name in names or CASES:
        if name not in CASES:
            print(f"expected a name among {', '.join(CASES)}. Received: {name!r}", file=sys.stderr)
            return 2
        if (MODELS / name).exists():
            print(f"{name}: kept")
            continue
        make(name)
        print(f"{name}: made, {sum(path.stat().st_size for path in (MODELS / name).rglob('*') if path.is_file()):,} B")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
