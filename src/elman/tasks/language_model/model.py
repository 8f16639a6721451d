"""`LanguageModel`: train, evaluate, generate, score, save and load."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from elman.data.alternatives import MOST_SENTENCES, sentences_of
from elman.data.corpus import HeldOutText
from elman.data.sources import as_paths
from elman.data.text_config import TextConfig
from elman.data.texts import texts_from
from elman.decode.engine import PackedNetwork
from elman.decode.evaluation_mode import evaluated, evaluation_mode
from elman.decode.generation import stream_texts
from elman.decode.next_token import NextTokens, PromptState, next_of_network
from elman.decode.sampling import SamplingOptions
from elman.decode.sampling_config import SamplingConfig
from elman.decode.suggestion import DEFAULT_WORDS, Suggestions, suggest_words
from elman.display import Progress
from elman.kernels.generation import WEIGHT_FORMATS
from elman.metrics.adapted_likelihood import DynamicEvaluation, choose_cache, measure_adapted, segments_of
from elman.metrics.alternatives import Choices, rank_sentences
from elman.metrics.likelihood import TextScore, TokenCounts, measure, score_lines
from elman.metrics.neural_cache import NeuralCache
from elman.options import fill, python_value, with_given
from elman.state import IGNORE_INDEX, Batch
from elman.tasks.corpus_model import CorpusModel, Paths
from elman.tasks.language_model.config import LanguageModelConfig
from elman.tasks.language_model.guess_rounds import GuessRounds, make_rounds
from elman.tasks.language_model.network import LanguageModelNetwork
from elman.tasks.language_model.setup import LanguageModelSetup, context_start

__all__ = ["LanguageModel"]


class LanguageModel(CorpusModel[LanguageModelConfig, LanguageModelNetwork]):
    """A recurrent language model.

    Args:
        preset: "auto" (chosen by the data), "small", "base", "large" or "plain", the options to start from.
        options: any option of `elman train lm` by its name, such as `cell="gru"`, `hidden_size=512`, `max_seconds=60`.

    Example:
        >>> lm = elman.LanguageModel(cell="gru", max_epochs=2).fit("book.txt")  # doctest: +SKIP
        >>> print(lm.generate("Call me", length=200, temperature=0.8))  # doctest: +SKIP
        >>> lm.save("model/")  # doctest: +SKIP

    Raises ConfigError for an unknown option or a value that is not allowed.
    """

    setup_class = LanguageModelSetup

    def evaluate(
        self,
        text: Paths,
        *,
        limit: int | None = None,
        encoding: str = "",
        errors: str = "",
        text_column: str = "",
        cache: NeuralCache | None = None,
        dynamic: DynamicEvaluation | None = None,
        progress: Progress | None = None,
    ) -> dict[str, float]:
        """Return metrics on a text: nats and bits per token and per character, perplexity, accuracy, and counts.

        `unknown_share` is the share of unknown tokens, and `perplexity_known` the perplexity of the others.

        Every token except the first is predicted once, with the state carried over the whole text. `limit` is the
        number of tokens to use; `encoding`, `errors` and `text_column` default to those of the training text, of which
        files that are no tables need no column; `progress` is called with the name of the stage and the completed
        fraction. With a neural `cache` or with `dynamic` evaluation the network adapts to the text while it is read, as
        one stream; the model itself does not change. Raises DataError, EncodingError and StorageError for a text that
        cannot be read, ConfigError if there is none or `limit` is below 2, and for a cache with several members.
        """
        reading = with_given(self._reading(encoding, errors), text_column=text_column)
        if cache is not None or dynamic is not None:
            return self._evaluate_adapted(text, limit, reading, cache, dynamic, progress)
        with self.held_out(text, limit=limit, reading=reading, progress=progress) as held_out:
            batches, characters = held_out()
            if progress is not None:
                batches = reporting(batches, held_out.limit - 1, progress)
            with evaluation_mode(self.network):
                return measure(self.network, batches).metrics(characters)

    def _evaluate_adapted(
        self,
        text: Paths,
        limit: int | None,
        reading: TextConfig,
        cache: NeuralCache | None,
        dynamic: DynamicEvaluation | None,
        progress: Progress | None,
    ) -> dict[str, float]:
        with (
            self.held_out(text, limit=limit, reading=reading, progress=progress) as held_out,
            evaluation_mode(self.network),
        ):
            counts = TokenCounts(0.0, 0, 0)
            for counts in measure_adapted(self.network, held_out, cache, dynamic):
                if progress is not None:
                    progress("evaluating", counts.tokens / (held_out.limit - 1))
            return counts.metrics(held_out.characters(held_out.limit))

    def tune_cache(
        self,
        text: Paths,
        *,
        window: int = 2000,
        limit: int | None = None,
        encoding: str = "",
        errors: str = "",
        text_column: str = "",
        progress: Progress | None = None,
    ) -> NeuralCache:
        """Return the neural cache of so many tokens whose theta and lambda make a text, of validation, most likely.

        Other arguments and errors as `evaluate`.
        """
        reading = with_given(self._reading(encoding, errors), text_column=text_column)
        with (
            self.held_out(text, limit=limit, reading=reading, progress=progress) as held_out,
            evaluation_mode(self.network),
        ):
            segments = segments_of(held_out)
            if progress is not None:
                segments = reporting(segments, held_out.limit - 1, progress)
            return choose_cache(self.network, segments, window)

    def compare_weights(
        self, text: Paths, *, limit: int | None = None, progress: Progress | None = None
    ) -> dict[str, dict[str, float]]:
        """Return the metrics of `evaluate` for every weight format of `generate`.

        `progress` as for `evaluate`. Raises DataError for a text that cannot be read, KernelUnavailableError if the
        native engine cannot run the network.
        """
        with self.held_out(text, limit=limit, progress=progress) as held_out, evaluation_mode(self.network):
            figures = {}
            for number, weights in enumerate(WEIGHT_FORMATS):
                if progress is not None:
                    progress("evaluating", number / len(WEIGHT_FORMATS))
                batches, characters = held_out()
                figures[weights] = measure(PackedNetwork(self.network, weights), batches).metrics(characters)
            return figures

    @contextmanager
    def held_out(
        self,
        text: Paths,
        *,
        limit: int | None = None,
        reading: TextConfig | None = None,
        progress: Progress | None = None,
    ) -> Iterator[HeldOutText]:
        """Context manager of a whole text, encoded to a temporary token file; `reading` are the options of the text."""
        with self.encoded(text, reading=reading, progress=progress) as tokens:
            yield HeldOutText(tokens, self.vocabulary, limit)

    def context_start(self) -> list[int]:
        """Return the tokens that precede every text: an end token and, for a single training document, a newline."""
        return context_start(self.vocabulary, self.data.get("documents", 1))

    def stream(
        self,
        prompt: str = "",
        *,
        length: int = 200,
        min_length: int = 0,
        stop: Sequence[str] = (),
        samples: int = 1,
        seed: int = 0,
        weights: str = "float32",
        **sampling: Any,
    ) -> Iterator[tuple[int, str]]:
        """Yield generated text in pieces, as pairs (number of the sample, piece). Arguments, errors: see `generate`."""
        options = SamplingOptions(
            **vars(fill(SamplingConfig, sampling, "sampling")), banned=(self.vocabulary.unknown_id,)
        )
        start = self.context_start() + self.vocabulary.encode_start(prompt).tolist()
        pieces = stream_texts(
            self.network,
            self.vocabulary,
            start,
            length=python_value(length),
            min_length=python_value(min_length),
            sampling=options,
            samples=python_value(samples),
            stops=[stop] if isinstance(stop, str) else list(stop),
            seed=python_value(seed),
            weights=weights,
        )
        # The first word comes with the space before it, which the prompt already has.
        held = not self.vocabulary.per_character and prompt.endswith(" ")
        return evaluated(self.network, without_first_space(pieces) if held else pieces)

    def generate(self, prompt: str = "", **options: Any) -> str | list[str]:
        """Generate text that continues `prompt`, which is not part of the result.

        length              maximum number of tokens
        min_length          minimum number of tokens, before which the text does not end; a stop string still ends it
        temperature         0 always takes the most likely token; 1 samples from the model's distribution
        top_k, top_p        sample among the k most likely tokens, or the smallest set with total probability p
        repetition_penalty  above 1 makes recent tokens less likely
        stop                strings that end the text; they are not part of it
        samples             number of texts; above 1 a list is returned
        seed                random seed
        weights             "float32"; "bfloat16" or "int8" are faster and less precise, see `compare_weights`

        Raises ConfigError for an invalid value, and KernelUnavailableError for bfloat16 or int8 weights if the native
        engine cannot run the network.
        """
        texts: defaultdict[int, str] = defaultdict(str)
        for number, piece in self.stream(prompt, **options):
            texts[number] += piece
        samples = options.get("samples", 1)
        return texts[0] if samples == 1 else [texts[number] for number in range(samples)]

    def next(
        self,
        prompt: str = "",
        *,
        top: int | None = None,
        candidates: Sequence[str] | None = None,
        state: PromptState | None = None,
    ) -> NextTokens:
        """Return the distribution of the token that follows `prompt`, which is read as by `generate`.

        top         number of most likely tokens to list, by default 10
        candidates  texts to list in place of the most likely tokens: the probability that the text goes on with each;
                    of a candidate of several tokens, that of all of them
        state       the `state` of an earlier answer, from which the text goes on with `prompt`

        Raises ConfigError for an invalid value, DataError for a candidate with unknown tokens.
        """
        start = self.context_start()
        return next_of_network(self.network, self.vocabulary, prompt, start, state, top=top, candidates=candidates)

    def suggest(self, text: str = "", *, top: int = DEFAULT_WORDS, state: PromptState | None = None) -> Suggestions:
        """Return the most likely words that complete the word `text` ends with; after a space, the next words.

        top    number of words
        state  the `state` of an answer of `next`, from which the text goes on with `text`

        A probability is that of the whole word, ended by a space or a mark, given all of the text. Raises ConfigError
        for an invalid value.
        """
        return suggest_words(self.network, self.vocabulary, text, self.context_start(), state, top=top)

    def choose(self, text: str, *, limit: int = MOST_SENTENCES) -> Choices:
        r"""Return all sentences of a text with alternatives, `I saw a {bare|bear} in the wood`, the likeliest first.

        limit  number of sentences above which the text is refused

        Their probabilities sum to 1. An alternative may be empty; `\{`, `\}`, `\|` and `\\` are the signs themselves.
        Raises DataError for braces that are not right and for alternatives with unknown tokens, ConfigError for more
        than `limit` sentences.
        """
        sentences = sentences_of(text, limit)
        return rank_sentences(self.network, self.vocabulary, text, sentences, self.context_start())

    def guess_rounds(
        self, text: Paths = (), *, rounds: int = 10, length: int = 200, seed: int = 0, **sampling: Any
    ) -> GuessRounds:
        """Return rounds of two passages, one of a person and one of this model, which go on with the same text.

        text      files that the model was not trained on, or its training files, of which the held-out part is used; by
                  default, the training files that the model's folder knows
        length    characters of a passage, at most
        sampling  options of sampling, as for `generate`

        Raises DataError for a text that is too short, or that was trained on and whose held-out part cannot be found;
        ConfigError for invalid values.
        """
        return make_rounds(self, as_paths(text), rounds=rounds, length=length, seed=seed, **sampling)

    def score(self, lines: str | Sequence[str], *, progress: Progress | None = None) -> list[TextScore]:
        """Return the log-probability of each line, its perplexity, and the log-probability of every token.

        `progress` is called with the name of the stage and the completed fraction.
        """
        lines = [lines] if isinstance(lines, str) else texts_from(lines, "lines")
        found: list[TextScore] = []
        for each in evaluated(self.network, score_lines(self.network, self.vocabulary, lines, self.context_start())):
            found.append(each)
            if progress is not None:
                progress("scoring", len(found) / len(lines))
        return found


def without_first_space(pieces: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield pieces of numbered texts without a space at the start of each text."""
    begun: set[int] = set()
    for number, piece in pieces:
        if number not in begun and piece:
            begun.add(number)
            piece = piece.removeprefix(" ")
        if piece:
            yield number, piece


def reporting(batches: Iterable[Batch], total: float, progress: Progress) -> Iterator[Batch]:
    """Yield the batches unchanged; `progress` is called with the completed fraction of `total` targets."""
    done = 0
    for batch in batches:
        yield batch
        done += int((batch.targets_BT != IGNORE_INDEX).sum())
        progress("evaluating", min(1.0, done / total))
