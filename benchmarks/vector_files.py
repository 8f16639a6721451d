"""Time and memory of opening a file of word vectors, the first time and from the cache.

    python benchmarks/vector_files.py --words 2000000 --size 100

A file of random vectors is written to a temporary folder and opened twice, each time in a new process: reading, and
mapping from the cache. The process reports the seconds of `Embeddings.from_file` (without the imports), and the largest
memory that it used. A row is added to results/vector_files.csv.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _common import machine

ROWS = 5000
RESULTS = Path(__file__).parent / "results" / "vector_files.csv"

OPEN = """
import json, resource, sys, time
from elman.data.word_vectors import read_table
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start, cpu = time.perf_counter(), time.process_time()
table = read_table(sys.argv[1])
seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
opened = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
last = table.words[len(table) - 1]
row = table.index(last)
print(json.dumps({"words": len(table), "size": table.size, "seconds": seconds, "cpu": cpu, "row": row,
                  "before": before, "peak": opened}))
"""


def write_vectors(path: Path, words: int, size: int, binary: bool) -> None:
    """Write random vectors as word2vec does; numbers of text have six digits after the point."""
    random = np.random.default_rng(0)
    # Texts of a block are drawn from one of these, so that the file is written in reasonable time.
    rows = random.normal(scale=0.3, size=(ROWS, size)).astype(np.float32)
    texts = [" ".join(f"{value:.6f}" for value in row.tolist()).encode() for row in rows]
    with path.open("wb") as file:
        file.write(f"{words} {size}\n".encode())
        for first in range(0, words, ROWS):
            count = min(ROWS, words - first)
            names = [f"word{number:x}".encode() for number in range(first, first + count)]
            order = random.permutation(ROWS)[:count].tolist()
            if binary:
                file.write(
                    b"".join(b"%b %b\n" % (name, rows[row].tobytes()) for name, row in zip(names, order, strict=True))
                )
            else:
                file.write(b"".join(b"%b %b\n" % (name, texts[row]) for name, row in zip(names, order, strict=True)))


def opened(path: Path, cache: Path) -> dict[str, float]:
    """Open the file in a new process and return what it reports."""
    environment = {**os.environ, "ELMAN_CACHE": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", OPEN, str(path)], env=environment, capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--words", type=int, default=2_000_000)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--binary", action="store_true", help="word2vec's binary format instead of text")
    parser.add_argument("--folder", type=Path, help="where the temporary folder is made")
    options = parser.parse_args()
    needed = options.words * (options.size * (4 + (0 if options.binary else 10)) + 64)
    place = options.folder or Path(tempfile.gettempdir())
    free = shutil.disk_usage(place).free
    if free < 1.5 * needed:
        parser.error(f"expected {1.5 * needed / 1e9:.1f} GB of free disk in {place}. Received: {free / 1e9:.1f} GB")
    with tempfile.TemporaryDirectory(dir=place) as folder:
        path = Path(folder) / ("vectors.bin" if options.binary else "vectors.txt")
        write_vectors(path, options.words, options.size, options.binary)
        time.sleep(1.5)  # a file that was changed just now is not kept in the cache
        first, second, third = (opened(path, Path(folder) / "cache") for _ in range(3))
        size = path.stat().st_size
    row = {
        "format": "binary" if options.binary else "text",
        "words": options.words,
        "size": options.size,
        "megabytes": round(size / 1e6),
        "first_seconds": round(first["seconds"], 2),
        "first_cpu_seconds": round(first["cpu"], 2),
        "first_peak_mb": round(first["peak"] / 1024),
        "again_seconds": round(min(second["seconds"], third["seconds"]), 4),
        "again_peak_mb": round(second["peak"] / 1024),
        "machine": machine(),
        "when": time.strftime("%Y-%m-%d"),
    }
    for name, value in row.items():
        print(f"{name:18} {value}")
    RESULTS.parent.mkdir(exist_ok=True)
    new = not RESULTS.exists()
    with RESULTS.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row))
        if new:
            writer.writeheader()
        writer.writerow(row)


if __name__ == "__main__":
    main()
