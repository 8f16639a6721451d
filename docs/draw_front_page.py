"""Draw docs/images/training.png: the loss of a real run, and text that its network generated after three steps of it.

usage: python docs/draw_front_page.py TEXT [--steps 5000] [--threads N] [--seed 0] [-o docs/images/training.png]

The text is generated during training, in a handler of the run's events. Nothing in the picture is made by hand.
"""

from __future__ import annotations

import argparse
import io
import textwrap
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from elman import LanguageModel
from elman.data.sources import Sources
from elman.files import write_bytes
from elman.tasks.language_model.config import LanguageModelConfig
from elman.tasks.language_model.setup import LanguageModelSetup
from elman.tasks.run import Run
from elman.tasks.setup import resolve_auto, tune_process
from elman.train.events import EvaluationEvent, Event, StepEvent
from elman.train.progress import TrainingProgress

ROOT = Path(__file__).resolve().parent.parent
PROMPT = "ROMEO:\n"
INK, BLUE, RED, PAPER = "#22262b", "#31688e", "#c8553d", "#f6f4ee"
# The optimiser steps after which text is generated; it is also generated at the end.
MOMENTS = (20, 400)


class Listener(TrainingProgress):
    """Shows the progress of a run, stores every loss, and generates text after the steps `MOMENTS`."""

    def __init__(self) -> None:
        super().__init__("char")
        self.run: Run | None = None
        self.read = 0
        # Pairs of the characters read so far and the loss.
        self.losses: list[tuple[int, float]] = []
        self.valid: list[tuple[int, float]] = []
        self.samples: list[tuple[int, float, str]] = []

    def on_event(self, event: Event) -> None:
        super().on_event(event)
        if self.run is None:
            return
        if isinstance(event, StepEvent):
            self.read += event.tokens
            self.losses.append((self.read, event.loss))
            if event.step in MOMENTS:
                latest = [loss for _, loss in self.losses[-max(1, event.step // 12) :]]  # as `smooth` does
                self.ask(sum(latest) / len(latest))
        elif isinstance(event, EvaluationEvent):
            self.valid.append((self.read, event.metrics["loss"]))

    def ask(self, loss: float) -> None:
        """Store a generated text, and return the network to training mode."""
        if self.run is not None:
            model = LanguageModel().take_run(self.run)
            text = model.generate(PROMPT, length=420, temperature=0.7, seed=4)
            self.samples.append((self.read, loss, PROMPT + str(text)))
            self.run.network.train()


def train(text: Path, **budget: int) -> Listener:
    """Train in memory, with nine tenths of the text for training and the rest for validation."""
    options = {"split": (0.9, 0.1, 0.0), **budget}
    config = LanguageModelConfig.make("base", options)
    tune_process(resolve_auto(config.training))
    listener = Listener()
    run = Run(LanguageModelSetup.open(config, Sources([text])), folder=None, command="", watch=listener)
    listener.run = run
    run.run()
    listener.ask(run.metrics["valid"]["loss"])
    return listener


def smooth(points: list[tuple[int, float]]) -> tuple[list[float], list[float]]:
    """Average losses over windows that grow along the run, because the axis is logarithmic."""
    places, means = [], []
    start = 0
    while start < len(points):
        end = min(len(points), start + max(1, start // 12))
        part = points[start:end]
        places.append(sum(place for place, _ in part) / len(part))
        means.append(sum(loss for _, loss in part) / len(part))
        start = end
    return places, means


def shorten(text: str, lines: int) -> str:
    """Return the first `lines` lines of `text`, wrapped to the width of the panel."""
    rows = [row for line in text.split("\n") for row in textwrap.wrap(line, 50, replace_whitespace=False) or [""]]
    return "\n".join(rows[:lines])


def draw(listener: Listener, path: Path) -> None:
    """Draw the loss on the left and the three texts on the right."""
    figure = Figure(figsize=(12.5, 7.0), dpi=150, facecolor="white")
    axes = figure.add_axes((0.06, 0.10, 0.43, 0.80))
    axes.plot(*smooth(listener.losses), color=BLUE, linewidth=2.2, label="training")
    axes.plot(*zip(*listener.valid, strict=True), color=RED, linewidth=0, marker="o", markersize=6, label="validation")
    axes.set_xscale("log")
    axes.set_xticks([1e4, 1e5, 1e6, 1e7], ["10 thousand", "100 thousand", "1 million", "10 million"])
    axes.set_xlabel("characters read", color=INK)
    axes.set_ylabel("loss, nats per character", color=INK)
    axes.grid(color="#e4e2dc", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower left", fontsize=11)
    axes.set_title("One layer of 256 LSTM units learns to write", loc="left", fontsize=14, color=INK, pad=14)
    height = (0.90 - 0.045) / 3
    for number, (moment, loss, text) in enumerate(listener.samples):
        letter = "ABC"[number]
        axes.annotate(
            letter, (moment, loss), xytext=(14, 16), textcoords="offset points", ha="center", fontsize=12,
            fontweight="bold", color="white", bbox={"boxstyle": "circle,pad=0.25", "color": INK},
        )  # fmt: skip
        axes.plot([moment], [loss], marker="o", color=INK, markersize=5, zorder=5)
        panel = figure.add_axes((0.53, 0.90 - height * (number + 1) + 0.012, 0.455, height - 0.024), facecolor=PAPER)
        panel.set_xticks([])
        panel.set_yticks([])
        panel.spines[:].set_visible(False)
        panel.text(0.025, 0.925, letter, transform=panel.transAxes, va="top", fontsize=12, fontweight="bold", color=INK)
        label = f"{moment / 1e6:.1f} million" if moment >= 1e6 else f"{moment / 1e3:.0f} thousand"
        kind = "validation" if number == len(listener.samples) - 1 else "training"
        heading = f"after {label} characters, {kind} loss {loss:.2f}"
        panel.text(0.075, 0.925, heading, transform=panel.transAxes, va="top", fontsize=11, color="#6a6f76")
        panel.text(0.025, 0.79, shorten(text, 8), transform=panel.transAxes, va="top", fontsize=10,
                   family="DejaVu Sans Mono", color=INK, linespacing=1.22, parse_math=False)  # fmt: skip
    picture = io.BytesIO()
    FigureCanvasAgg(figure).print_png(picture)
    write_bytes(path, picture.getvalue())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--threads", type=int, default=0, help="0 for one for each core")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs" / "images" / "training.png")
    arguments = parser.parse_args()
    budget = {"max_steps": arguments.steps, "threads": arguments.threads, "seed": arguments.seed}
    draw(train(arguments.text, **budget), arguments.output)


if __name__ == "__main__":
    main()
