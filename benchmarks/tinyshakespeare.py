"""The default preset on tiny-shakespeare in 110 s of wall time: validation loss in nats per character."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _common import dataset, machine

QUICK = False

# Best validation loss of a GPT with 10.6 M parameters after 3 minutes on an A100, from nanoGPT's README.
GPT_ON_A100 = 1.4697


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=110.0, help="wall time of the whole command")
    parser.add_argument("--overhead", type=float, default=14.0, help="seconds reserved for start and end")
    parser.add_argument("--seed", type=int, default=0)
    arguments, options = parser.parse_known_args()
    text = dataset("text/tinyshakespeare.txt")
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        command = [sys.executable, "-m", "elman", "train", "lm", str(text), "-o", str(model), "--split", "0.9,0.1,0"]
        command += ["--max-seconds", str(arguments.seconds - arguments.overhead), "--seed", str(arguments.seed)]
        begun = time.perf_counter()
        subprocess.run([*command, *options], check=True, env={**os.environ, "ELMAN_CACHE": str(Path(folder) / "c")})
        wall = time.perf_counter() - begun
        described = json.loads((model / "elman.json").read_text())
    valid = described["metrics"]["valid"]
    print(f"wall time of the whole command  {wall:.1f} s, {described['training']['steps']:,} steps")
    print(
        f"validation loss                 {valid['nats_per_char']:.4f} nats a character ({valid['tokens']:,} predicted)"
    )
    print(f"ratio to a GPT on an A100       {valid['nats_per_char'] / GPT_ON_A100:.4f} (1.4697 in 3 minutes)")


if __name__ == "__main__":
    main()
