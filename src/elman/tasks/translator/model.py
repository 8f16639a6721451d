"""The translator as people use it: fit, translate, score, evaluate, save, load."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch

from elman.data.pairs import Pairs, PairVocabulary, pairs_from
from elman.data.pairs.encoded import encode_pairs
from elman.data.pairs.languages import Languages, check_languages
from elman.data.pairs.parts import read_part
from elman.data.pairs.remarks import remarks_on
from elman.data.sources import as_paths
from elman.data.tokens import Progress
from elman.decode.search_config import SearchConfig
from elman.decode.translation import BATCH_SIZE, Member, Translation, check_members, translate_all
from elman.errors import ArtifactError, ConfigError, DataError
from elman.kernels.output_product import scan_for
from elman.metrics.pair_likelihood import Likelihood, PairScore, likelihoods, pair_scores, tally
from elman.metrics.translation import bleu_signatures, text_figures
from elman.nn.output_side import Packs
from elman.options import fill
from elman.tasks.average import average_folders
from elman.tasks.sequence_model import SequenceModel
from elman.tasks.translator.config import TranslatorConfig
from elman.tasks.translator.network import TranslatorNetwork
from elman.tasks.translator.setup import TranslatorSetup, member_of
from elman.train.tuning import has_bfloat16

__all__ = ["Translation", "Translator"]


class Translator(SequenceModel[TranslatorConfig, TranslatorNetwork, PairVocabulary]):
    """Two recurrent networks, one that reads a sequence and one that writes another of its own length.

    Args:
        preset: "small", "base", "large" or "characters": the options to start from.
        options: any option of `elman train translator` by its name, such as `attention="bahdanau"`, `hidden=256`.

    Example:
        >>> translator = elman.Translator(max_epochs=10).fit(["train.de", "train.en"])  # doctest: +SKIP
        >>> translator.translate(["ein hund rennt ."])  # doctest: +SKIP
        >>> translator.save("model/")  # doctest: +SKIP

    Raises ConfigError for an unknown option or a value that is not allowed.
    """

    setup_class = TranslatorSetup
    _expected = "targets beside sources, or paths of files"

    def __init__(self, preset: str = "base", **options: Any) -> None:
        super().__init__(preset, **options)
        self._packs = Packs()

    def __repr__(self) -> str:
        """What kind of model it is, in a line."""
        network = self.config.network
        shape = f"{network.shape}, attention: {network.attention}"
        if self._network is None:
            return f"<Translator {shape}, not trained>"
        source, target = self.languages
        direction = f", {source} to {target}" if source else ""
        return f"<Translator {shape}, {self._network.count_parameters():,} weights{direction}>"

    @property
    def languages(self) -> Languages:
        """The languages of source and target, as the names of the training files have them; empty texts if not."""
        return str(self.data.get("source_language", "")), str(self.data.get("target_language", ""))

    def fit(
        self,
        sources: Any,
        targets: Iterable[str] | None = None,
        *,
        valid: Any = None,
        test: Any = None,
        folder: str | os.PathLike[str] | None = None,
        progress: bool = True,
        tune: bool = True,
    ) -> Translator:
        """Train.

        sources      with `targets`: sentences; without: the path of a table, or of two aligned files, as `read_pairs`
                     reads them
        targets      what each source is to become
        valid, test  pairs of their own for validation and test: paths, or (sources, targets); without `valid` the
                     share `held_out` is kept for it
        folder       for files: keep checkpoints and the best model there while training
        progress     show a progress bar on standard error
        tune         set this process' threads and memory allocator for training

        Returns self. Raises DataError, EncodingError, ConfigError, StorageError, Diverged, OutOfMemory.
        """
        return self._fit(sources, targets, valid=valid, test=test, folder=folder, progress=progress, tune=tune)

    def _part(self, sources: Any, targets: Any, **how: Any) -> Pairs:
        return pairs_from(sources, targets, **how)

    def translate(self, texts: Iterable[str] | str, **options: Any) -> list[str]:
        """The best translation of each of `texts`, or of a single one; an empty text has an empty one.

        Options are those of `translations`.
        """
        return [each[0].text for each in self.translations(texts, **options)]

    def translations(
        self,
        texts: Iterable[str] | str,
        *,
        replace_unknown: bool = False,
        attention: bool = False,
        ensemble: Sequence[Translator] = (),
        batch_size: int = BATCH_SIZE,
        precision: str = "auto",
        progress: Progress | None = None,
        **search: Any,
    ) -> list[list[Translation]]:
        """The translations of each of `texts`, best first.

        replace_unknown  words that the vocabulary does not know are copied from the source: for each the one with most
                         attention
        attention        give the weights of attention with every translation
        ensemble         further models: the mean of all models' probabilities decides
        batch_size       sentences that are translated at the same time
        precision        of matrix products: float32, bfloat16, or auto: as in training, where the machine is fast in
                         it. Unless it is float32, the vocabulary is gone through in int8 where that is quicker, and
                         the best tokens are scored again in float32
        progress         called with a stage and a share while it works
        search           beams, n_best, length_penalty, coverage_penalty, stop, max_length, sample, temperature,
                         top_k, top_p and seed, as in `SearchConfig`

        A source of any length is translated whole. Raises ConfigError for options that do not go together, and for
        models whose target vocabularies differ.
        """
        members = self._members(ensemble)
        options = fill(SearchConfig, search, "the search")
        options.check()
        return translate_all(
            members,
            [texts] if isinstance(texts, str) else list(texts),
            options,
            replace_unknown=replace_unknown,
            attention=attention,
            batch_size=batch_size,
            precision=self._precision(precision),
            scan=scan_for(precision),
            packs=self._packs,
            progress=progress,
        )

    def score(
        self,
        sources: Iterable[str],
        targets: Iterable[str],
        *,
        ensemble: Sequence[Translator] = (),
        progress: Progress | None = None,
    ) -> list[PairScore]:
        """How likely the model finds each target, given its source; `progress` as for `translations`.

        Raises DataError for lists of different lengths and for empty sentences, ConfigError for models whose target
        vocabularies differ.
        """
        pairs = pairs_from(sources, targets)
        if pairs.dropped_empty:
            raise DataError(f"expected sentences that are not empty. Received: {pairs.dropped_empty} empty pairs")
        return pair_scores(pairs, self.vocabulary, self._likelihoods(pairs, ensemble, progress))

    def evaluate(
        self,
        sources: Any,
        targets: Iterable[str] | None = None,
        *,
        lowercase: bool | None = None,
        ensemble: Sequence[Translator] = (),
        progress: Progress | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Figures on pairs: `loss`, `perplexity` and `accuracy` by token; `bleu` and `chrf` of the translations with
        sacrebleu's signatures; `exact`, the share of translations that are just as the target; and counts.

        sources, targets  as for `fit`
        lowercase         compare in lower case; by default where the model reads so
        ensemble          further models, as for `translations`
        progress          as for `translations`
        options           those of `translations`

        Raises DataError for data that cannot be used, and for files of the other direction.
        """
        if isinstance(sources, Pairs):
            pairs = sources
        else:
            pairs = self.read(sources) if targets is None else pairs_from(sources, targets)
        if pairs.targets is None:
            raise DataError(f"{pairs.name}: expected targets beside the sources. Received: sources alone")
        lowercase = self.config.data.lowercase if lowercase is None else lowercase
        figures: dict[str, Any] = tally(self._likelihoods(pairs, ensemble, progress))
        texts = self.translate(pairs.sources, ensemble=ensemble, progress=progress, **options)
        figures |= {**text_figures(texts, pairs.targets, lowercase=lowercase), "pairs": len(pairs)}
        if "bleu" in figures:
            signatures = bleu_signatures(lowercase=lowercase)
            figures |= {f"{name}_signature": signature for name, signature in signatures.items()}
        return figures

    def read(self, paths: Any, *, with_targets: bool = True, **reading: Any) -> Pairs:
        """Pairs from files, read as the training data was; `reading` is what `read_part` takes beside.

        Raises DataError for files of the other direction, by their names.
        """
        known = as_paths(paths, self._expected)
        check_languages(self.languages, known, self.config.data, with_targets=with_targets)
        return read_part(known, self.config.data, with_targets=with_targets, **reading)

    def remarks_on(self, texts: Sequence[str]) -> list[str]:
        """What to know of sources before their translations are trusted: those that are empty, or too long, and
        unknown words, a sentence each."""
        return remarks_on(texts, self.vocabulary, self.config.data)

    @classmethod
    def averaged(cls, folders: Sequence[str | os.PathLike[str]]) -> Translator:
        """A translator whose weights are the mean of those of several saved ones, such as checkpoints of one run.

        Raises ConfigError for fewer than two, ArtifactError for models whose options or vocabularies differ.
        """
        model = average_folders(folders)
        if not isinstance(model, cls):
            raise ArtifactError(f"expected translators to average. Received: {type(model).__name__}")
        return model

    def _likelihoods(
        self, pairs: Pairs, ensemble: Sequence[Translator], progress: Progress | None
    ) -> Iterator[Likelihood]:
        self._members(ensemble)
        models = [self, *ensemble]
        return likelihoods(
            [model.network for model in models],
            [encode_pairs(pairs, model.vocabulary, model.config.data) for model in models],
            progress=progress,
        )

    def _members(self, ensemble: Sequence[Translator]) -> list[Member]:
        """This model and further ones, in evaluation mode. Raises ConfigError for other target vocabularies."""
        models = [self, *ensemble]
        for model in models:
            model.network.eval()
        members = [member_of(model.config, model.network, model.vocabulary) for model in models]
        check_members(members)
        return members

    def _precision(self, asked: str) -> str:
        if asked not in ("auto", "float32", "bfloat16"):
            raise ConfigError(f"expected precision among auto, float32, bfloat16. Received: {asked!r}")
        if asked != "auto":
            return asked
        on_cpu = self.network.device.type == "cpu"
        fast = has_bfloat16() if on_cpu else torch.cuda.is_bf16_supported()
        return "bfloat16" if fast and self.config.training.precision == "bfloat16" else "float32"
