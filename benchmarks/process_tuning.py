"""Effect of threads and allocator settings on a training step: separate processes for each setting, interleaved."""

from __future__ import annotations

import statistics
import subprocess
import sys

from _common import machine

CHILD = """
import sys, time, statistics, torch
from elman.tasks.language_model.network import LanguageModelNetwork
from elman.tasks.language_model.config import NetworkConfig
from elman.train.tuning import tune_allocator
threads, tuned, precision = int(sys.argv[1]), sys.argv[2] == "tuned", sys.argv[3]
torch.set_num_threads(threads)
if tuned: tune_allocator()
network = LanguageModelNetwork(67, NetworkConfig())
x = torch.randint(67, (50, 50)); state = network.initial_state(50); times = []
for _ in range(25):
    begun = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        y, _ = network(x, None, state)
    y.float().square().mean().backward()
    times.append(time.perf_counter() - begun)
print(statistics.median(times[5:]))
"""


def main() -> None:
    print(machine())
    settings = [(t, m, p) for p in ("float32", "bfloat16") for t in ("1", "2") for m in ("default", "tuned")]
    times: dict[tuple[str, str, str], list[float]] = {setting: [] for setting in settings}
    for _ in range(5):
        for setting in settings:
            done = subprocess.run([sys.executable, "-c", CHILD, *setting], check=True, capture_output=True, text=True)
            times[setting].append(float(done.stdout))
    medians = {setting: statistics.median(values) for setting, values in times.items()}
    slowest = medians["1", "default", "float32"]
    print("threads  allocator  precision   ms      speed")
    for (threads, allocator, precision), seconds in medians.items():
        print(f"{threads:7}  {allocator:9}  {precision:9} {seconds * 1000:6.1f}  {slowest / seconds:5.2f}x")


if __name__ == "__main__":
    main()
