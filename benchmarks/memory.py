"""Memory of training on a 2 GB text: at most 600 MB more than on a 1 MB text (slow: writes 4 GB to the disk)."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from _common import machine

QUICK = False

WORDS = 20_000


def write_text(path: Path, size: int) -> None:
    """Write a text of random words of about `size` bytes."""
    rng = random.Random(0)
    words = ["".join(rng.choices("etaoinshrdlcumwfgypbvk", k=rng.randint(2, 9))) for _ in range(WORDS)]
    # Repeating blocks of 4 MB in random order is faster than writing only new random text.
    blocks = []
    for _ in range(8):
        lines = (" ".join(rng.choices(words, k=12)) for _ in range(55_000))
        blocks.append(("\n".join(lines) + "\n").encode())
    with open(path, "wb") as file:
        while file.tell() < size:
            file.write(rng.choice(blocks))


def peak(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Return the peak resident set size of a command in MB, and its seconds."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    drained: list[str] = []
    reader = threading.Thread(target=lambda: drained.append(process.stderr.read()))  # type: ignore[union-attr]
    reader.start()
    _, status, usage = os.wait4(process.pid, 0)
    reader.join()
    if status:
        sys.exit(f"the command failed:\n{''.join(drained)[-2000:]}")
    return usage.ru_maxrss / 1024, time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--steps", type=int, default=300)
    arguments = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        need = arguments.gigabytes * 2.2e9
        if shutil.disk_usage(folder).free < need:
            sys.exit(f"skipped: {need / 1e9:.1f} GB of free disk are needed in {folder.parent}")
        environment = {**os.environ, "ELMAN_CACHE": str(folder / "cache")}
        results = {}
        for label, size in (("1 MB", 10**6), (f"{arguments.gigabytes:g} GB", int(arguments.gigabytes * 1e9))):
            text = folder / "text.txt"
            write_text(text, size)
            command = [sys.executable, "-m", "elman", "train", "lm", str(text), "-o", str(folder / label[0])]
            command += ["--max-steps", str(arguments.steps), "--no-tensorboard", "--quiet"]
            results[label], seconds = peak(command, environment)
            print(f"{label:6} of text: peak {results[label]:7.1f} MB, {seconds:6.1f} s", flush=True)
        small, large = results.values()
        print(f"training on the large text takes {large - small:.0f} MB more than on the small one")
        print(f"ratio {large / small:.2f}")


if __name__ == "__main__":
    main()
