"""Time of `elman --help` (target: under 0.3 s) and of `import elman` (at most 0.2 s more than `import torch`)."""

from __future__ import annotations

import subprocess
import sys

from _common import interleaved, machine


def run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    print(machine())
    medians = interleaved(
        {
            "python -c pass": lambda: run("-c", "pass"),
            "elman --help": lambda: run("-m", "elman", "--help"),
            "import torch": lambda: run("-c", "import torch"),
            "import elman": lambda: run("-c", "import elman"),
            "import torch, elman.LanguageModel": lambda: run("-c", "import torch, elman; elman.LanguageModel"),
        },
        rounds=7,
    )
    for name, seconds in medians.items():
        print(f"{name:34} {seconds:6.3f} s")
    more = medians["import torch, elman.LanguageModel"] - medians["import torch"]
    print(f"all of the language model, loaded, costs {more:+.3f} s over import torch")
    print(f"elman --help is {medians['elman --help'] / medians['import torch']:.2f} of import torch")


if __name__ == "__main__":
    main()
