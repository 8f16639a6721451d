"""`Captioner`: train, caption, score, evaluate, save and load."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from elman.data.captioned import CaptionDataConfig, CaptionDataset, captioned_from, read_captioned
from elman.data.captioned.encoded import EncodedCaptions
from elman.data.captioned.vocabulary import CaptionerVocabulary
from elman.data.sources import as_paths, is_path
from elman.decode.ctc_beam import LanguageModelScorer
from elman.decode.evaluation_mode import evaluation_mode
from elman.decode.fused_search import check_language
from elman.decode.fusion import FusionModel, token_scorer
from elman.decode.next_token import NextTokens
from elman.decode.search_config import SearchConfig
from elman.decode.text_output import TextOutput, distinct_texts, written
from elman.display import Progress
from elman.errors import ConfigError, DataError
from elman.metrics.translation import tokenizer_for
from elman.options import fill, with_given
from elman.tasks.captioner.config import CaptionerConfig
from elman.tasks.captioner.network import CaptionerNetwork
from elman.tasks.captioner.next_token import next_caption_tokens
from elman.tasks.captioner.setup import CaptionerSetup, log_probabilities, measure, search_captions, signatures
from elman.tasks.model import TaskModel
from elman.tasks.sequence_model import SequenceModel
from elman.tasks.start import startable
from elman.train.callbacks import OnEvent

__all__ = ["Captioner"]


class Captioner(SequenceModel[CaptionerConfig, CaptionerNetwork, CaptionerVocabulary]):
    """A recurrent network that generates a text for a vector, an image, or a feature map.

    Args:
        preset: "auto" (chosen by the data), "small", "base", "large" or "plain", the options to start from.
        options: any option of `elman train captioner` by its name, such as `attention="luong"`, `max_epochs=10`.

    Example:
        >>> model = elman.Captioner(max_epochs=10).fit(images, captions)  # doctest: +SKIP
        >>> model.caption(images[:3])  # doctest: +SKIP
        >>> model.save("model/")  # doctest: +SKIP

    Raises ConfigError for an unknown option or a value that is not allowed.
    """

    setup_class = CaptionerSetup
    _expected = "items and captions, or paths of files"

    def __repr__(self) -> str:
        network = self.config.network
        shape = f"{network.shape}, attention {network.attention}"
        if self._network is None:
            return f"<Captioner {shape}, not trained>"
        sizes = f"{self._network.count_parameters():,} weights, {self.vocabulary.text.size:,} tokens"
        return f"<Captioner {shape}, of {self.vocabulary.item.describe()}, {sizes}>"

    @startable
    def fit(
        self,
        items: Any,
        captions: Sequence[Any] | None = None,
        *,
        valid: Any = None,
        test: Any = None,
        folder: str | os.PathLike[str] | None = None,
        progress: bool | None = None,
        tune: bool = True,
        on_event: OnEvent = None,
        start_from: str | os.PathLike[str] | TaskModel[Any, Any, Any] | None = None,
    ) -> Captioner:
        """Train the captioner.

        items        with `captions`: vectors, images or maps in an array or a list; without: one or more paths
        captions     one or more texts for each item
        valid, test  separate validation and test data: paths, or (items, captions); without `valid`, the share
                     `held_out` of the training data is held out
        folder       for files: write checkpoints and the best model to this folder during training
        progress     show a progress bar on standard error; by default, unless scikit-learn calls `fit`
        tune         set the threads and the memory allocator of this process for training
        on_event     a function, or a list of them, that is called with the events of the run and may stop it
        start_from   a trained model or the path of one, whose weights, vocabulary and options are the start

        Returns self. Raises DataError, EncodingError, ConfigError, StorageError, DivergenceError, OutOfMemoryError.
        """
        if captions is None and not is_path(items):
            raise DataError(f"expected {self._expected}. Received: {type(items).__name__} alone")
        return self._fit(
            items, captions, valid=valid, test=test, folder=folder, progress=progress, tune=tune, on_event=on_event
        )

    def _part(self, items: Any, captions: Any, **how: Any) -> CaptionDataset:
        return captioned_from(items, captions, self.config.data, **how)

    def read(self, paths: Any, *, captioned: bool = False, encoding: str = "", errors: str = "") -> CaptionDataset:
        """Read items from files, with the data options of training. Raises DataError, EncodingError, StorageError."""
        data = with_given(self._reading(), encoding=encoding, errors=errors)
        return read_captioned(as_paths(paths), data, captioned=captioned)

    def caption(self, items: Any, *, batch_size: int = 128, **search: Any) -> list[str]:
        """Return the best caption of each item; arguments and errors as for `captions`."""
        return [found[0].text if found else "" for found in self.captions(items, batch_size=batch_size, **search)]

    def captions(
        self,
        items: Any,
        *,
        attention: bool = False,
        lm: FusionModel | None = None,
        batch_size: int = 128,
        progress: Progress | None = None,
        **search: Any,
    ) -> list[list[TextOutput]]:
        """Return the captions of each item, best first, with their scores.

        items       arrays as for `fit`, or paths; captions in the files are ignored
        attention   return the attention weights of every caption: a row per token, a column per place of the map
        lm          a language model of the captions' tokens for shallow fusion, such as `elman.load("lm")`
        batch_size  items per batch
        progress    called with the name of the stage and the completed fraction
        search      `beams`, `n_best`, `length_penalty`, `coverage_penalty`, `lm_weight`, `insertion_bonus`, `stop`,
                    `min_length`, `max_length`; or `sample=True` with `temperature`, `top_k`, `top_p` and `seed`

        Raises ConfigError for invalid options, and for attention of a model without it; DataError for items that do
        not have the shape of the training items.
        """
        options = fill(SearchConfig, search, "the search options")
        if batch_size < 1:
            raise ConfigError(f"expected batch_size of at least 1. Received: {batch_size}")
        language = self._language(lm)
        self._check_search(options, attention, language)
        vocabulary, network = self.vocabulary, self.network
        if (isinstance(items, list | tuple) and not items) or getattr(items, "shape", ())[:1] == (0,):
            return []
        data = EncodedCaptions(self._known(items, None), vocabulary)
        with evaluation_mode(network):
            found = search_captions(
                network,
                data,
                np.arange(len(data.data)),
                self.config.text.max_length,
                options,
                attention=attention,
                batch_size=batch_size,
                language=language,
                progress=progress,
            )
        texts = [[written(each, vocabulary.decode, vocabulary.text.token) for each in best] for best in found]
        return [distinct_texts(best, lambda each: each.text, options) for best in texts]

    def next(
        self, item: Any, prefix: str = "", *, top: int | None = None, candidates: Sequence[str] | None = None
    ) -> NextTokens:
        """Return the distribution of the token that follows `prefix` in the caption of one item.

        item        a vector, an image or a map; or the path of a file with one item
        top         number of most likely tokens to list, by default 10
        candidates  texts to list in place of the most likely tokens: the probability that the caption goes on with
                    each; of a candidate of several tokens, that of all of them

        Raises ConfigError for an invalid value, DataError for several items and a candidate with unknown tokens.
        """
        several = is_path(item) or isinstance(item, CaptionDataset) or hasattr(item, "columns")
        given = item if several else [item]
        data = EncodedCaptions(dataclasses.replace(self._known(given, None), captions=None), self.vocabulary)
        with evaluation_mode(self.network):
            return next_caption_tokens(self.network, data, prefix, top=top, candidates=candidates)

    def score(self, items: Any, captions: Sequence[Any] | None = None) -> list[list[float]]:
        """Return the log-probability (nats) of every caption of each item, end token included.

        `items` with `captions` as for `fit`, or paths. Raises DataError for invalid data.
        """
        data = self._known(items, captions, captioned=True)
        encoded = EncodedCaptions(data, self.vocabulary)
        with evaluation_mode(self.network):
            flat = iter(log_probabilities(self.network, encoded))
        return [[next(flat) for _ in row] for row in data.captions or ()]

    def token_counts(self, captions: Sequence[str]) -> list[int]:
        """Return the number of tokens of each caption, end token included."""
        return [len(ids) + 1 for ids in self.vocabulary.text.encode_many(captions)]

    def evaluate(
        self,
        items: Any,
        captions: Sequence[Any] | None = None,
        *,
        bleu_tokenizer: str = "",
        lm: FusionModel | None = None,
        progress: Progress | None = None,
        **search: Any,
    ) -> dict[str, Any]:
        """Return metrics: loss, perplexity, token accuracy and exact match; with sacrebleu installed, also BLEU and
        chrF with their signatures.

        `items` with `captions` as for `fit`, or paths; `search` as for `captions`, by default greedy (`beams=1`);
        `lm` and `progress` as for `captions`; `bleu_tokenizer` replaces the option of training. Raises DataError for
        invalid data, ConfigError for invalid options.
        """
        options = fill(SearchConfig, {"beams": 1, **search}, "the search options")
        language = self._language(lm)
        self._check_search(options, False, language)
        tokenizer = tokenizer_for(bleu_tokenizer or self.config.text.bleu_tokenizer)
        with self._evaluated_rows():
            known = self._known(items, captions, captioned=True)
        data = EncodedCaptions(known, self.vocabulary)
        with evaluation_mode(self.network):
            figures, _ = measure(
                self.network,
                self.vocabulary,
                data,
                self.config.text.max_length,
                search=options,
                tokenizer=tokenizer,
                language=language,
                progress=progress,
            )
        return figures | signatures(data, self.vocabulary, tokenizer) if "bleu" in figures else figures

    def known(self, items: Any, captions: Sequence[Any] | None = None) -> CaptionDataset:
        """Return the items with captions of the arguments of `evaluate`."""
        return self._known(items, captions, captioned=True)

    def places(self) -> tuple[int, int]:
        """Return height and width of the feature map. Raises ConfigError for a model without attention."""
        if self.config.network.attention == "none":
            raise ConfigError("expected a captioner that was trained with attention. Received: one without")
        places = self.network.places
        return (1, places[0]) if len(places) == 1 else (places[0], places[1])

    def _language(self, lm: FusionModel | None) -> LanguageModelScorer | None:
        return None if lm is None else token_scorer(lm, self.vocabulary.text, "captioner")

    def _check_search(self, options: SearchConfig, attention: bool, language: LanguageModelScorer | None) -> None:
        options.check()
        check_language(options, language)
        if attention or options.coverage_penalty:
            self.places()
        most = self.config.text.max_length
        for given, name in (
            (options.max_length, "max_length of at most the model's"),
            (options.min_length, "min_length of at most the model's max_length"),
        ):
            if given > most:
                raise ConfigError(f"expected {name}, {most}. Received: {given}")

    def _known(self, items: Any, captions: Any, *, captioned: bool = False) -> CaptionDataset:
        if isinstance(items, CaptionDataset):
            found = items
        elif is_path(items) and captions is None:
            found = self.read(items, captioned=captioned)
        else:
            data = self._reading()
            if data.items == "auto":
                # A 3-D array may hold images or maps: take the kind of the training data.
                data = dataclasses.replace(data, items=self.vocabulary.item.kind)
            found = captioned_from(items, captions, data)
        if captioned and found.captions is None:
            raise DataError(f"{found.name}: expected a caption for every item. Received: none")
        return found

    def _reading(self) -> CaptionDataConfig:
        """Return the data options, with the colour channels of the training images."""
        data = self.config.data
        if self._vocabulary is None or self._vocabulary.item.kind != "images":
            return data
        color = {1: "grey", 3: "rgb"}.get(self._vocabulary.item.shape[-1], data.color)
        return dataclasses.replace(data, color=color)
