"""Samples of a network's output during a run: after every so many evaluations, without an effect on training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from elman.display import plain, with_article
from elman.errors import ConfigError, ElmanError
from elman.train import EvaluationEvent, SampleEvent
from elman.train.callbacks import undisturbed
from elman.train.trainer import Trainer

__all__ = ["APART", "SampledSetup", "Samples", "compared", "example_of", "shortened"]

# The name of the picture in a model's folder.
PICTURE = "sample.png"
# Maximum characters of a text in a sample.
_LONGEST = 240
# Successive samples are this share of the data apart (the golden ratio), so that they are spread over it.
APART = 0.6180339887498949


class SampledSetup:
    """Methods of a setup that show samples. A task that has samples overrides `sample`."""

    task: ClassVar[str]
    # The number of the next sample, by which `sample` may choose an example.
    sample_number: int = 0

    def sample(self) -> str | None:
        """Return a sample of the network's output to show during training, or None."""
        return None

    def draw_sample(self, path: Path) -> bool:
        """Draw the sample as a picture; return whether there is one."""
        del path
        return False

    @classmethod
    def check_samples(cls, every: int) -> None:
        """Raise ConfigError for samples of a task that cannot show any."""
        if every and cls.sample is SampledSetup.sample:
            title = cls.task.replace("-", " ")
            raise ConfigError(
                f"expected sample_every = 0: {with_article(title)} has no samples to show. Received: {every}"
            )


class Samples:
    """Makes samples after every `every` regular evaluations of a run; 0 for none.

    Args:
        setup: the run's setup, whose `sample` returns a text, and whose `draw_sample` may draw a picture.
        trainer: the trainer.
        folder: the model's folder, for a picture; None for no picture.
        every: the number of evaluations.
    """

    def __init__(self, setup: Any, trainer: Trainer, folder: Path | None, every: int) -> None:
        self.setup = setup
        self.trainer = trainer
        self.folder = folder
        self.every = every
        # Regular evaluations so far; part of a checkpoint.
        self.evaluations = 0

    def after(self, event: EvaluationEvent) -> SampleEvent | None:
        """Return the sample that follows an evaluation, or None.

        An error of elman, such as for outputs that are not finite, is shown in place of a sample.
        """
        self.evaluations += event.regular
        if not (self.every and event.regular) or self.evaluations % self.every:
            return None
        setup = self.setup
        setup.sample_number = self.evaluations // self.every - 1
        with undisturbed(setup.network), self.trainer.averaged_weights():
            setup.network.eval()
            try:
                text = setup.sample()
                drawn = self.folder is not None and text is not None and setup.draw_sample(self.folder / PICTURE)
            except ElmanError as error:
                text, drawn = f"no sample: {error}", False
        picture = self.folder / PICTURE if drawn and self.folder is not None else None
        return None if text is None else SampleEvent(event.step, text, picture)


def example_of(parts: Any, number: int) -> Any:
    """Return the example for sample `number`, as data of one example: of the validation data, or else of training."""
    part = parts.train if parts.valid is None else parts.valid
    return part.take([int(number * APART % 1.0 * len(part))])


def shortened(text: str) -> str:
    """Return a text on one line, without its end if it is long."""
    shown = plain(text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]} ..."


def compared(rows: Sequence[tuple[str, str]]) -> str:
    """Return lines of a name and a text, such as source, translation and reference."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {shortened(text)}".rstrip() for name, text in rows)
