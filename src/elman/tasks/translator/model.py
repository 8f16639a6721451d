"""`Translator`: train, translate, score, evaluate, save and load."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch

from elman.data.pairs import Pairs, PairVocabulary, pairs_from
from elman.data.pairs.encoded import encode_pairs
from elman.data.pairs.languages import Languages, check_languages, languages_of
from elman.data.pairs.parts import read_part
from elman.data.pairs.remarks import remarks_on
from elman.data.sources import as_paths
from elman.data.texts import texts_from
from elman.decode.evaluation_mode import evaluation_mode
from elman.decode.fused_search import check_language
from elman.decode.fusion import FusionModel, token_scorer
from elman.decode.next_token import NextTokens
from elman.decode.search_config import SearchConfig
from elman.decode.translation import (
    BATCH_SIZE,
    EnsembleMember,
    Translation,
    check_members,
    next_target_tokens,
    translate_all,
)
from elman.display import Progress
from elman.errors import ArtifactError, ConfigError, DataError
from elman.kernels.output_product import logit_precision_for
from elman.metrics.pair_likelihood import Likelihood, PairScore, likelihoods, pair_scores, tally
from elman.metrics.translation import bleu_signatures, text_figures, tokenizer_for
from elman.nn.token_decoder import PackedOutputCache
from elman.options import AUTO, fill
from elman.tasks.average import average_folders
from elman.tasks.model import TaskModel
from elman.tasks.sequence_model import SequenceModel
from elman.tasks.start import startable
from elman.tasks.translator.config import TranslatorConfig
from elman.tasks.translator.network import TranslatorNetwork
from elman.tasks.translator.setup import TranslatorSetup, member_of
from elman.train.callbacks import OnEvent
from elman.train.tuning import has_bfloat16

__all__ = ["Translation", "Translator"]


class Translator(SequenceModel[TranslatorConfig, TranslatorNetwork, PairVocabulary]):
    """A recurrent encoder-decoder that maps one token sequence to another.

    Args:
        preset: "auto" (chosen by the data), "small", "base", "large", "characters" or "plain", the
            options to start from.
        options: any option of `elman train translator` by its name, such as `attention="bahdanau"`, `hidden_size=256`.

    Example:
        >>> translator = elman.Translator(max_epochs=10).fit(["train.de", "train.en"])  # doctest: +SKIP
        >>> translator.translate(["ein hund rennt ."])  # doctest: +SKIP
        >>> translator.save("model/")  # doctest: +SKIP

    Raises ConfigError for an unknown option or a value that is not allowed.
    """

    setup_class = TranslatorSetup
    _expected = "sources and targets, or paths of files"

    def __init__(self, preset: str = AUTO, **options: Any) -> None:
        super().__init__(preset, **options)
        self._output_cache = PackedOutputCache()

    def __repr__(self) -> str:
        network = self.config.network
        shape = f"{network.shape}, attention: {network.attention}"
        if self._network is None:
            return f"<Translator {shape}, not trained>"
        source, target = self.languages
        direction = f", {source} to {target}" if source else ""
        return f"<Translator {shape}, {self._network.count_parameters():,} weights{direction}>"

    @property
    def languages(self) -> Languages:
        """The languages of source and target, from the names of the training files; empty if unknown."""
        return str(self.data.get("source_language", "")), str(self.data.get("target_language", ""))

    @startable
    def fit(
        self,
        sources: Any,
        targets: Iterable[str] | None = None,
        *,
        valid: Any = None,
        test: Any = None,
        folder: str | os.PathLike[str] | None = None,
        progress: bool | None = None,
        tune: bool = True,
        on_event: OnEvent = None,
        start_from: str | os.PathLike[str] | TaskModel[Any, Any, Any] | None = None,
    ) -> Translator:
        """Train the translator.

        sources      with `targets`: sentences; without: the path of a table, or of two aligned files, in a format of
                     `read_pairs`
        targets      the translation of each source
        valid, test  separate validation and test pairs: paths, or (sources, targets); without `valid`, the share
                     `held_out` of the training pairs is held out
        folder       for files: write checkpoints and the best model to this folder during training
        progress     show a progress bar on standard error; by default, unless scikit-learn calls `fit`
        tune         set the threads and the memory allocator of this process for training
        on_event     a function, or a list of them, that is called with the events of the run and may stop it
        start_from   a trained model or the path of one, whose weights, vocabulary and options are the start

        Returns self. Raises DataError, EncodingError, ConfigError, StorageError, DivergenceError, OutOfMemoryError.
        """
        return self._fit(
            sources, targets, valid=valid, test=test, folder=folder, progress=progress, tune=tune, on_event=on_event
        )

    def _part(self, sources: Any, targets: Any, **how: Any) -> Pairs:
        return pairs_from(sources, targets, **how)

    def translate(self, texts: Iterable[str] | str, **options: Any) -> list[str]:
        """Return the best translation of each text, or of a single one; that of an empty text is empty.

        Options and errors are those of `translations`.
        """
        return [each[0].text for each in self.translations(texts, **options)]

    def translations(
        self,
        texts: Iterable[str] | str,
        *,
        replace_unknown: bool = False,
        attention: bool = False,
        ensemble: Sequence[Translator] = (),
        lm: FusionModel | None = None,
        batch_size: int = BATCH_SIZE,
        precision: str = "auto",
        progress: Progress | None = None,
        **search: Any,
    ) -> list[list[Translation]]:
        """Return the translations of each text, best first.

        replace_unknown  replace every unknown word by the source word with the highest attention
        attention        return the attention weights with every translation
        ensemble         further models, whose probabilities are averaged with those of this model
        lm               a language model of the target's tokens for shallow fusion, such as `elman.load("lm")`
        batch_size       sentences per batch
        precision        of matrix products: float32, bfloat16, or auto: that of training, if fast on this hardware.
                         Unless it is float32, the output layer may preselect tokens in int8 and rescore the best
                         ones in float32, if that is faster
        progress         called with the name of the stage and the completed fraction
        search           beams, n_best, length_penalty, coverage_penalty, lm_weight, insertion_bonus, stop, min_length,
                         max_length, sample, temperature, top_k, top_p and seed, as in `SearchConfig`

        Several translations of a text are distinct, unless they are sampled.

        Sources are not truncated. Raises ConfigError for incompatible options, for models with different target
        vocabularies, and for a language model whose tokens are others.
        """
        members = self._members(ensemble)
        options = fill(SearchConfig, search, "the search options")
        options.check()
        language = None if lm is None else token_scorer(lm, self.vocabulary.target, "translator")
        check_language(options, language)
        with evaluation_mode(self.network, *(model.network for model in ensemble)):
            return translate_all(
                members,
                [texts] if isinstance(texts, str) else texts_from(texts, "sentences"),
                options,
                replace_unknown=replace_unknown,
                attention=attention,
                batch_size=batch_size,
                precision=self._precision(precision),
                logit_precision=logit_precision_for(precision),
                output_cache=self._output_cache,
                language=language,
                progress=progress,
            )

    def next(
        self, source: str, prefix: str = "", *, top: int | None = None, candidates: Sequence[str] | None = None
    ) -> NextTokens:
        """Return the distribution of the token that follows `prefix` in the translation of `source`.

        top         number of most likely tokens to list, by default 10
        candidates  texts to list in place of the most likely tokens: the probability that the translation goes on with
                    each; of a candidate of several tokens, that of all of them

        Raises ConfigError for an invalid value, DataError for an empty source and a candidate with unknown tokens.
        """
        (member,) = self._members(())
        with evaluation_mode(self.network):
            return next_target_tokens(member, source, prefix, top=top, candidates=candidates)

    def score(
        self,
        sources: Iterable[str],
        targets: Iterable[str],
        *,
        ensemble: Sequence[Translator] = (),
        progress: Progress | None = None,
    ) -> list[PairScore]:
        """Return the log-probability of each target, given its source; `progress` as for `translations`.

        Raises DataError for lists of different lengths and for empty sentences, ConfigError for models with different
        target vocabularies.
        """
        pairs = pairs_from(sources, targets)
        if pairs.dropped_empty:
            raise DataError(f"expected sentences that are not empty. Received: {pairs.dropped_empty} empty pairs")
        with evaluation_mode(self.network, *(model.network for model in ensemble)):
            return pair_scores(pairs, self.vocabulary, self._likelihoods(pairs, ensemble, progress))

    def evaluate(
        self,
        sources: Any,
        targets: Iterable[str] | None = None,
        *,
        lowercase: bool | None = None,
        bleu_tokenizer: str = "",
        ensemble: Sequence[Translator] = (),
        progress: Progress | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Return metrics on pairs: `loss`, `perplexity` and `accuracy` per token; `bleu` and `chrf` of translations,
        with sacrebleu's signatures; `exact`, the fraction of translations that equal the target; and counts.

        sources, targets  as for `fit`
        lowercase         compare in lower case; by default if the model is lower case
        bleu_tokenizer    sacrebleu's tokenizer for BLEU; by default the option of training, see `tokenizer_for`
        ensemble          further models, as for `translations`
        progress          as for `translations`
        options           those of `translations`

        Raises DataError for invalid data, and for files whose names have the reverse direction; ConfigError for invalid
        options.
        """
        if isinstance(sources, Pairs):
            pairs = sources
        else:
            with self._evaluated_rows():
                pairs = self.read(sources) if targets is None else pairs_from(sources, targets)
        if pairs.targets is None:
            raise DataError(f"{pairs.name}: expected targets for the sources. Received: sources alone")
        data = self.config.data
        lowercase = data.lowercase if lowercase is None else lowercase
        paths = None if targets is not None or isinstance(sources, Pairs) else sources
        tokenizer = self.bleu_tokenizer(paths, bleu_tokenizer)
        with evaluation_mode(self.network, *(model.network for model in ensemble)):
            figures: dict[str, Any] = tally(self._likelihoods(pairs, ensemble, progress))
        texts = self.translate(pairs.sources, ensemble=ensemble, progress=progress, **options)
        compared: dict[str, Any] = {"lowercase": lowercase, "tokenizer": tokenizer, "unicode_form": data.unicode_form}
        figures |= {**text_figures(texts, pairs.targets, **compared), "pairs": len(pairs)}
        if "bleu" in figures:
            signatures = bleu_signatures(pairs.targets, lowercase=lowercase, tokenizer=tokenizer)
            figures |= {f"{name}_signature": signature for name, signature in signatures.items()}
        return figures

    def bleu_tokenizer(self, paths: Any = None, chosen: str = "") -> str:
        """Return sacrebleu's tokenizer: `chosen`, or that of the options or of the language of the targets.

        `paths` are files whose names may say the language, if the model does not know it.
        """
        data = self.config.data
        language = data.target_language or self.languages[1]
        if not language and paths is not None:
            language = languages_of(as_paths(paths), data)[1]
        return tokenizer_for(chosen or data.bleu_tokenizer, language)

    def read(self, paths: Any, *, with_targets: bool = True, **reading: Any) -> Pairs:
        """Read pairs from files, with the data options of training; `reading` holds arguments of `read_part`.

        Raises DataError, also for files whose names have the reverse direction; EncodingError, StorageError.
        """
        paths = as_paths(paths, self._expected)
        check_languages(self.languages, paths, self.config.data, with_targets=with_targets)
        return read_part(paths, self.config.data, with_targets=with_targets, **reading)

    def remarks_on(self, texts: Sequence[str]) -> list[str]:
        """Return warnings about source texts: empty or long sentences, and unknown words."""
        return remarks_on(texts, self.vocabulary, self.config.data)

    @classmethod
    def averaged(cls, folders: Sequence[str | os.PathLike[str]]) -> Translator:
        """Load several saved translators, such as checkpoints of one run, and average their weights.

        Raises ConfigError for fewer than two folders, ArtifactError for models with different options or vocabularies.
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

    def _members(self, ensemble: Sequence[Translator]) -> list[EnsembleMember]:
        """Return this model and the further ones as members of an ensemble."""
        members = [member_of(model.config, model.network, model.vocabulary) for model in (self, *ensemble)]
        check_members(members)
        return members

    def _precision(self, requested: str) -> str:
        if requested not in ("auto", "float32", "bfloat16"):
            raise ConfigError(f"expected precision among auto, float32, bfloat16. Received: {requested!r}")
        if requested != "auto":
            return requested
        on_cpu = self.network.device.type == "cpu"
        fast = has_bfloat16() if on_cpu else torch.cuda.is_bf16_supported()
        return "bfloat16" if fast and self.config.training.precision == "bfloat16" else "float32"
