"""The language model as people use it: fit, evaluate, generate, score, save, load."""

from __future__ import annotations

import math
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from elman.data import Vocabulary, describe_unknown, prepare, vocabulary_from_json
from elman.data.decoding import check_encoding
from elman.data.token_file import TokenFile
from elman.data.tokens import Progress
from elman.decode import Sampling
from elman.errors import ConfigError, DataError
from elman.kernels.generation import WEIGHT_FORMATS
from elman.tasks.building import load_network
from elman.tasks.folder import open_folder, save_folder
from elman.tasks.language_model.config import LanguageModelConfig
from elman.tasks.language_model.corpus import HeldOut, Inputs, open_inputs, prepare_corpus
from elman.tasks.language_model.engine import PackedNetwork
from elman.tasks.language_model.generate import generate_pieces
from elman.tasks.language_model.network import LanguageModelNetwork
from elman.tasks.language_model.objective import measure
from elman.tasks.language_model.run import TASK, language_model_job
from elman.tasks.language_model.score import Score, score_lines
from elman.tasks.run import Run, tune_process
from elman.types import IGNORED, Batch

__all__ = ["LanguageModel"]

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def as_list(paths: Paths) -> list[str | os.PathLike[str]]:
    """One path or several, as a list."""
    return [paths] if isinstance(paths, str | os.PathLike) else list(paths)


class LanguageModel:
    """A recurrent language model.

    Args:
        preset: "small", "base" or "large": the options to start from.
        options: any option of `elman train lm` by its name, such as `cell="gru"`, `hidden=512`, `max_seconds=60`.

    Example:
        >>> lm = elman.LanguageModel(cell="gru", max_epochs=2).fit("book.txt")  # doctest: +SKIP
        >>> print(lm.generate("Call me", length=200, temperature=0.8))  # doctest: +SKIP
        >>> lm.save("model/")  # doctest: +SKIP

    Raises ConfigError for an unknown option or a value that is not allowed.
    """

    def __init__(self, preset: str = "base", **options: Any) -> None:
        self.config = LanguageModelConfig.make(preset, options)
        self.metrics: dict[str, Any] = {}
        self.data: dict[str, Any] = {}
        self.training: dict[str, Any] = {}
        self.command = ""
        self._network: LanguageModelNetwork | None = None
        self._vocabulary: Vocabulary | None = None

    def __repr__(self) -> str:
        """What kind of model it is, in a line."""
        network = self.config.network
        shape = f"{network.cell} {network.layers}x{network.hidden}"
        if self._network is None:
            return f"<LanguageModel {shape}, not trained>"
        return f"<LanguageModel {shape}, {self._network.count_parameters():,} weights, {self.vocabulary.kind}>"

    @property
    def network(self) -> LanguageModelNetwork:
        """The network. Raises ConfigError before `fit`."""
        if self._network is None:
            raise ConfigError("expected a model that is trained: call fit() or elman.load() first")
        return self._network

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary. Raises ConfigError before `fit`."""
        if self._vocabulary is None:
            raise ConfigError("expected a model that is trained: call fit() or elman.load() first")
        return self._vocabulary

    def fit(
        self,
        text: Paths | None = None,
        *,
        string: str | None = None,
        valid: Paths = (),
        test: Paths = (),
        folder: str | os.PathLike[str] | None = None,
        progress: bool = True,
        tune: bool = True,
    ) -> LanguageModel:
        """Train on text.

        text         a file, several, a folder or a glob; `.gz` is read as it is
        string       the text itself, instead of `text`
        valid, test  texts of their own for validation and test; else parts of `text` as `split` says
        folder       keep checkpoints and the best model there while training; see `save` for a model in memory
        progress     show a progress bar on standard error
        tune         set this process' threads and memory allocator for training

        Returns self. Raises DataError, EncodingError, ConfigError, StorageError, Diverged, OutOfMemory.
        """
        if (text is None) == (string is None):
            raise ConfigError("expected either text (paths) or string. Received: both or neither")
        if string is not None:
            if folder is not None:
                raise ConfigError("expected text in a file when training in a folder. Received: a string")
            with tempfile.TemporaryDirectory() as place:
                path = Path(place) / "string.txt"
                # It is read again as any text is.
                encoding = check_encoding(self.config.text.encoding)
                try:
                    path.write_text(string, encoding=encoding, newline="")
                except UnicodeEncodeError as error:
                    raise DataError(f"expected a string that is text in {encoding}. Received: {error}") from error
                return self.fit(path, valid=valid, test=test, progress=progress, tune=tune)
        inputs = Inputs(as_list(text or ()), as_list(valid), as_list(test))
        corpus = prepare_corpus(inputs, self.config.text)
        job = language_model_job(self.config, corpus, inputs)
        where = None if folder is None else Path(folder)
        run = Run(job, folder=where, command="", watch=job.watch(quiet=not progress))
        if tune:
            tune_process(run.config.training)
        run.go()
        return self.adopt(run, corpus.vocabulary)

    def adopt(self, run: Run[LanguageModelNetwork], vocabulary: Vocabulary) -> LanguageModel:
        """Take what a run has made so far."""
        self.config = run.config
        self.metrics = run.metrics
        self.data = run.job.data
        self.training = {"steps": run.training.step, "seconds": round(run.training.seconds, 1)}
        self.command = run.command
        self._network = run.network
        self._vocabulary = vocabulary
        return self

    def evaluate(self, text: Paths, *, limit: int | None = None, progress: Progress | None = None) -> dict[str, float]:
        """Figures on a text: nats and bits a token and a character, perplexity, accuracy, and counts.

        Every token that has one before it is predicted once, with the state carried over the whole text. `limit` uses
        the first so many tokens only; `progress` hears which stage is done to which share, from 0 to 1. Raises
        DataError for a text that cannot be used.
        """
        with self._encoded(text, progress) as tokens:
            batches, characters = HeldOut(tokens, self.vocabulary, limit)()
            if progress is not None:
                batches = reporting(batches, min(limit or math.inf, len(tokens)) - 1, progress)
            self.network.eval()
            return measure(self.network, batches).metrics(characters)

    def compare_weights(self, text: Paths, *, limit: int | None = None) -> dict[str, dict[str, float]]:
        """What rougher weights cost: the figures of `evaluate` for every format of `generate`'s `weights`.

        Raises DataError for a text that cannot be used, KernelUnavailable where the native engine cannot run the
        network.
        """
        with self._encoded(text) as tokens:
            held_out = HeldOut(tokens, self.vocabulary, limit)
            self.network.eval()
            figures = {}
            for weights in WEIGHT_FORMATS:
                batches, characters = held_out()
                figures[weights] = measure(PackedNetwork(self.network, weights), batches).metrics(characters)
            return figures

    @contextmanager
    def _encoded(self, text: Paths, progress: Progress | None = None) -> Iterator[TokenFile]:
        """All of a text as tokens, for a while. Raises DataError for a text that cannot be used."""
        source = open_inputs([os.fspath(path) for path in as_list(text)], self.config.text)
        if source is None:
            raise ConfigError("expected a text to evaluate on. Received: none")
        with source, tempfile.TemporaryDirectory(prefix="elman-") as place:
            yield prepare(
                source, vocabulary=self.vocabulary, split=(1.0, 0.0, 0.0), cache=Path(place), progress=progress
            ).train

    def context_start(self) -> list[int]:
        """The tokens that a text begins with: an end token, and a line end where the training text had lines."""
        start = [self.vocabulary.end_id]
        if self.data.get("documents", 1) == 1:
            newline = self.vocabulary.encode("\n").tolist()
            if newline and self.vocabulary.unknown_id not in newline:
                start += newline
        return start

    def stream(
        self,
        prompt: str = "",
        *,
        length: int = 200,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        repetition_penalty: float = 1.0,
        stop: Sequence[str] = (),
        samples: int = 1,
        seed: int = 0,
        weights: str = "float32",
    ) -> Iterator[tuple[int, str]]:
        """New text as it comes: pairs of a sample's number and a piece of its text. Arguments as in `generate`."""
        sampling = Sampling(
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            repetition_penalty=repetition_penalty,
            banned=(self.vocabulary.unknown_id,),
        )
        start = self.context_start() + self.vocabulary.encode(prompt).tolist()
        self.network.eval()
        return generate_pieces(
            self.network,
            self.vocabulary,
            start,
            length=length,
            sampling=sampling,
            samples=samples,
            stops=[stop] if isinstance(stop, str) else list(stop),
            seed=seed,
            weights=weights,
        )

    def generate(self, prompt: str = "", **options: Any) -> str | list[str]:
        """New text that goes on after `prompt` (which is not part of what is returned).

        length              most tokens to draw
        temperature         0 always takes the likeliest token; 1 draws by the model's own probabilities
        top_k, top_p        draw among the k likeliest tokens, or those that hold p of the probability together
        repetition_penalty  above 1 makes recent tokens less likely
        stop                strings that end the text; they are not part of it
        samples             how many texts to draw at once; above 1 a list is returned
        seed                of the draw
        weights             "float32", or "bfloat16" or "int8" to draw faster by rougher scores: see `compare_weights`

        Raises ConfigError for a value that cannot be used, and KernelUnavailable for rougher weights where the native
        engine cannot run the network.
        """
        texts: defaultdict[int, str] = defaultdict(str)
        for number, piece in self.stream(prompt, **options):
            texts[number] += piece
        samples = options.get("samples", 1)
        return texts[0] if samples == 1 else [texts[number] for number in range(samples)]

    def unknown_in(self, text: str, what: str = "prompt") -> str | None:
        """A sentence on what the vocabulary does not have of `text`, or None."""
        return describe_unknown(self.vocabulary, text, what)

    def score(self, lines: str | Sequence[str]) -> list[Score]:
        """How likely each line is: log-probability, perplexity, and a value for every token."""
        lines = [lines] if isinstance(lines, str) else list(lines)
        self.network.eval()
        return list(score_lines(self.network, self.vocabulary, lines, self.context_start()))

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the model as a folder. Raises StorageError when that is not possible."""
        save_folder(
            folder,
            task=TASK,
            network=self.network,
            config=self.config,
            training=self.training,
            metrics=self.metrics,
            data=self.data,
            command=self.command,
            vocabulary=self.vocabulary.to_json(),
        )

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> LanguageModel:
        """The model in `folder`. Raises ArtifactError for anything that is not a whole and safe model."""
        opened = open_folder(folder, TASK, LanguageModelConfig)
        model = cls()
        model.config = opened.config
        model._vocabulary = vocabulary = vocabulary_from_json(opened.vocabulary)
        model._network = load_network(
            opened.described, lambda: LanguageModelNetwork(vocabulary.size, opened.config.network)
        )
        model.metrics, model.data = opened.described.metrics, opened.described.data
        model.command, model.training = opened.described.command, opened.training
        return model


def reporting(batches: Iterable[Batch], total: float, progress: Progress) -> Iterator[Batch]:
    """The batches as they are; `progress` hears how many of `total` targets are done."""
    done = 0
    for batch in batches:
        yield batch
        done += int((batch.targets_BT != IGNORED).sum())
        progress("evaluating", min(1.0, done / total))
