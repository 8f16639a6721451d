"""`TranslatorSetup`: data, loss and metrics of a translator's training run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from torch import Tensor

from elman.data.batches import spread
from elman.data.pairs import Pairs, PairVocabulary
from elman.data.pairs.encoded import EncodedPairs, encode_pairs
from elman.data.pairs.parts import PairParts, make_parts, read_pair_parts, read_part
from elman.data.sources import Sources
from elman.data.vocabulary import Vocabulary
from elman.data.vocabulary.unicode_forms import KEEP
from elman.data.vocabulary.unknown import UnknownTokens, unknown_in_texts
from elman.decode.search_config import SearchConfig
from elman.decode.translation import EnsembleMember, Translate, translating
from elman.display import Progress, number_text
from elman.errors import ConfigError
from elman.metrics.pair_likelihood import likelihoods, moved, tally
from elman.metrics.translation import check_bleu, text_figures, tokenizer_for
from elman.nn.recurrent import check_cell
from elman.state import IGNORE_INDEX, Batch, State
from elman.tasks.automatic import Choices
from elman.tasks.comparison import Comparison
from elman.tasks.remarks import token_advice
from elman.tasks.samples import compared, example_of
from elman.tasks.sequence_setup import SequenceObjective, SequenceSetup
from elman.tasks.start import StartModel
from elman.tasks.start_hooks import Entries
from elman.tasks.translator.automatic import choices_for
from elman.tasks.translator.baselines import MOST, comparison_of
from elman.tasks.translator.config import TranslatorConfig
from elman.tasks.translator.network import TranslatorEnsemble, TranslatorNetwork
from elman.tasks.translator.start import TRANSLATOR_STARTS, options_from_language_model, vocabulary_from_start
from elman.tasks.vector_hooks import WordEmbedding, word_embedding

__all__ = ["TranslationObjective", "TranslatorSetup", "member_of"]


@dataclass(eq=False)
class TranslationObjective(SequenceObjective[EncodedPairs]):
    """Negative log-likelihood of target tokens, with label smoothing in training only.

    held_out      the validation set, or None
    translate     translates sources for metrics of translations; None for no such metrics
    lowercase     compare translations and targets in lower case
    tokenizer     sacrebleu's tokenizer for BLEU
    unicode_form  compare translations and targets in this form
    progress      completed fraction of the run, with which scheduled sampling rises
    """

    model: TranslatorNetwork
    held_out: EncodedPairs | None = None
    translate: Translate | None = None
    lowercase: bool = False
    tokenizer: str = "13a"
    unicode_form: str = KEEP
    progress: float = 0.0

    def begin_step(self, progress: float) -> None:
        """Set the completed fraction of the run."""
        self.progress = progress

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        """Return the summed loss in nats over target tokens, end tokens included, their number, and no state."""
        model, config = self.model, self.model.config
        inputs, targets_BT = moved(batch, model)
        rate = config.scheduled_sampling * self.progress
        counted_BT = targets_BT != IGNORE_INDEX
        r_BTY = model.read_sampled(*inputs, rate) if rate else model.read(*inputs)
        # Logits of padding are not computed.
        targets_N = targets_BT[counted_BT]
        right: list[Tensor] = []
        nats = model.nats(r_BTY[counted_BT], targets_N, right)
        self.batch_sums.add("accuracy", right[0], len(targets_N))
        return nats, len(targets_N), state

    def evaluate_part(self, held_out: EncodedPairs, limit: int) -> dict[str, float]:
        """Return loss, perplexity and token accuracy, and metrics of the translations of some pairs.

        With `limit`, evenly spaced pairs of about so many target tokens are used.
        """
        rows = held_out.spread(limit)
        figures = tally(likelihoods([self.model], [held_out], rows))
        config = self.model.config
        if self.translate is not None and config.translate_valid:
            chosen = held_out.pairs.take(held_out.rows[rows[spread(len(rows), config.translate_valid)]].tolist())
            texts = self.translate(chosen.sources)
            targets = chosen.targets or []
            compared = {"lowercase": self.lowercase, "tokenizer": self.tokenizer, "unicode_form": self.unicode_form}
            figures |= text_figures(texts, targets, **compared)  # type: ignore[arg-type]
        best_by = config.best_by
        selection = figures["loss"]
        if best_by != "loss":
            # The loss decides between equal values, such as BLEU 0 at the start.
            selection = -figures[best_by] + 1e-9 * min(figures["loss"], 1e3)
        return {**figures, "selection": selection}


def member_of(config: TranslatorConfig, network: TranslatorNetwork, vocabulary: PairVocabulary) -> EnsembleMember:
    """Return a network as a member of a search."""
    return EnsembleMember(network, vocabulary, config.data.reverse_source, config.network.attention != "none")


def _network(config: TranslatorConfig, source_size: int, target_size: int) -> TranslatorNetwork:
    """Return a network, or an ensemble, for vocabularies of these sizes."""
    make = partial(TranslatorNetwork, source_size, target_size, config.network)
    return TranslatorEnsemble.of(config.network.members, make)


class TranslatorSetup(SequenceSetup[TranslatorConfig, TranslatorNetwork, PairParts, PairVocabulary, EncodedPairs]):
    """Setup of a translator."""

    task = "translator"
    config_class = TranslatorConfig
    vocabulary_class = PairVocabulary
    unit = "token"
    starts_from = TRANSLATOR_STARTS

    @classmethod
    def check_options(cls, config: TranslatorConfig) -> None:
        super().check_options(config)
        network, data = config.network, config.data
        if network.tied == "all" and not data.shared:
            raise ConfigError(
                "expected one vocabulary for both sides, shared=true, with tied=all. Received: shared=false"
            )
        data.check()
        tokenizer_for(data.bleu_tokenizer, data.target_language)
        if network.best_by in ("bleu", "chrf", "exact") and not network.translate_valid:
            raise ConfigError(f"expected translate_valid above 0 with best_by={network.best_by}. Received: 0")
        if network.best_by in ("bleu", "chrf"):
            check_bleu()

    def resolve_config(self, config: TranslatorConfig) -> TranslatorConfig:
        """Resolve automatic options. Raises ConfigError for `best_by` without validation pairs."""
        if config.network.best_by != "loss" and self.parts.valid is None:
            raise ConfigError(f"expected pairs for validation with best_by={config.network.best_by}. Received: none")
        return super().resolve_config(config)

    @classmethod
    def read(
        cls,
        config: TranslatorConfig,
        sources: Sources,
        *,
        vocabulary: PairVocabulary | None = None,
        progress: Progress | None = None,
    ) -> PairParts:
        del vocabulary
        return read_pair_parts(sources, config.data, config.training.seed, progress)

    @classmethod
    def read_part(cls, paths: Sequence[Any], config: TranslatorConfig, progress: Progress | None = None) -> Pairs:
        return read_part(paths, config.data)

    @classmethod
    def make_parts(
        cls, train: Pairs, config: TranslatorConfig, *, valid: Pairs | None = None, test: Pairs | None = None
    ) -> PairParts:
        """Return the splits, with remarks on pairs that were left out."""
        return make_parts(train, config.data, config.training.seed, valid=valid, test=test)

    def automatic_options(self, config: TranslatorConfig) -> Choices:
        return choices_for(len(self.parts.train), config.data.tokens, config.training.max_seconds)

    def learn_vocabulary(self) -> PairVocabulary:
        """Return the tokens of the training pairs."""
        return PairVocabulary.learn(self.parts.train, self.config.data)

    def vocabulary_from_start(self, learnt: PairVocabulary, source: StartModel) -> PairVocabulary:
        return vocabulary_from_start(self, learnt, source)

    @classmethod
    def options_from_other(cls, source: StartModel) -> dict[str, Any]:
        return options_from_language_model(source)

    @classmethod
    def entries_of(cls, config: TranslatorConfig, vocabulary: PairVocabulary) -> Mapping[str, Entries]:
        """Return the tokens of embeddings and output layer; the start token is the last row of the target's."""
        source, target = vocabulary.source.entries(), vocabulary.target.entries()
        fed = (*target, "<start>")
        return {
            "source_embed.weight": (fed if config.network.tied == "all" else source, None),
            "target_embed.weight": (fed, None),
            "head.weight": (target, None),
            "head_bias_V": (target,),
        }

    def text_vocabularies(self) -> list[Vocabulary]:
        return [self.vocabulary.source, self.vocabulary.target]

    def training_texts(self) -> Iterable[str]:
        return chain(self.parts.train.sources, self.parts.train.targets or ())

    def encode_part(self, part: Pairs, *, training: bool = False) -> EncodedPairs:
        """Encode a split, without too long pairs in training."""
        return encode_pairs(part, self.vocabulary, self.config.data, in_training=training)

    @staticmethod
    def make_network(config: TranslatorConfig, vocabulary: PairVocabulary) -> TranslatorNetwork:
        return _network(config, vocabulary.source.size, vocabulary.target.size)

    @classmethod
    def make_smallest_network(cls, config: TranslatorConfig) -> TranslatorNetwork:
        """Return a network with three source and three target tokens."""
        if config.network.encoder_cell:
            check_cell(config.network.encoder_cell, config.network.encoder_cell_options)
        return _network(config, 3, 3)

    def word_embeddings(self) -> list[WordEmbedding]:
        sides = (("source", self.vocabulary.source), ("target", self.vocabulary.target))
        return [
            word_embedding(tokens, partial(self._train.ids_of, f"{side}s"), f"{side}_vectors", f"{side}_embed")
            for side, tokens in sides
            if getattr(self.config.network, f"{side}_vectors")
        ]

    def notes(self) -> list[str]:
        """Report pairs that are left out."""
        return [*super().notes(), *self.parts.remarks, *self._train.remarks()]

    def unknown_tokens(self) -> Iterator[tuple[UnknownTokens, str, str]]:
        """Yield the counts of unknown tokens of both sides."""
        data, vocabulary = self.config.data, self.vocabulary
        sides = (("sources", vocabulary.source, "tokens"), ("targets", vocabulary.target, "target_tokens"))
        for part_name, part in (("training", self.parts.train), ("validation", self.parts.valid)):
            for side, tokens, option in sides:
                texts = None if part is None else getattr(part, side)
                if texts is not None:
                    counts = unknown_in_texts(tokens, texts, lowercase=data.lowercase)
                    chosen = option if getattr(data, option) else "tokens"
                    yield counts, f"{tokens.unit}s of the {part_name} {side}", token_advice(data, tokens.kind, chosen)

    @property
    def batch_steps(self) -> int:
        """Maximum tokens per batch, source and target."""
        return self.config.network.batch_tokens

    def objective(self) -> TranslationObjective:
        """Return the loss of targets."""
        translate = self._translating(SearchConfig(beams=1))
        compared = self._compared()
        return TranslationObjective(self.network, self._valid, translate, **compared)

    @property
    def evaluation_cost(self) -> float:
        """Some of the pairs are also translated, token by token."""
        if self.parts.valid is None:
            return 0.0
        translated = min(self.config.network.translate_valid, len(self.parts.valid))
        return super().evaluation_cost + 2.0 * translated / len(self.parts.train)

    def _compared(self) -> dict[str, Any]:
        """Return how translations are compared with targets: arguments of `text_figures`."""
        data = self.config.data
        language = data.target_language or self.parts.languages[1]
        return {
            "lowercase": data.lowercase,
            "tokenizer": tokenizer_for(data.bleu_tokenizer, language),
            "unicode_form": data.unicode_form,
        }

    def _translating(self, search: SearchConfig) -> Translate:
        member = member_of(self.config, self.network, self.vocabulary)
        return translating(member, search, self.training_config.precision)

    def evaluate_split(self, data: EncodedPairs) -> dict[str, float]:
        """Return metrics of targets, and of translations by the default search."""
        figures, pairs = tally(likelihoods([self.network], [data])), data.pairs
        texts = self._translating(SearchConfig())(pairs.sources)
        return {**figures, **text_figures(texts, pairs.targets or [], **self._compared())}

    def comparison(self, limit: int) -> Comparison | None:
        if (compared := self.compared_part()) is None:
            return None
        name, pairs, encoded = compared
        rows = encoded.rows[encoded.spread(limit)]
        held = pairs.take(rows[spread(len(rows), MOST)].tolist())
        translate = self._translating(SearchConfig(beams=1))
        return comparison_of(translate, self.parts.train, held, name, **self._compared())

    def sample(self) -> str:
        """Return a source with its translation and its target."""
        pair = example_of(self.parts, self.sample_number)
        (text,) = self._translating(SearchConfig(beams=1))(pair.sources)
        return compared([("source", pair.sources[0]), ("translation", text), ("target", (pair.targets or [""])[0])])

    @property
    def plotted_metrics(self) -> list[str]:
        return ["accuracy"]

    def describe(self, figures: Mapping[str, float]) -> str:
        shown = [f"perplexity {number_text(figures['perplexity'], '.3g')}", f"accuracy {figures['accuracy']:.2%}"]
        for name, label in (("bleu", "BLEU"), ("chrf", "chrF")):
            shown += [f"{label} {figures[name]:.2f}"] if name in figures else []
        if "exact" in figures:
            shown.append(f"exact {figures['exact']:.2%}")
        return ", ".join([*shown, f"loss {number_text(figures['loss'])}"])

    def data_facts(self) -> dict[str, Any]:
        """Return the languages, and the number of pairs in each split."""
        train, (source, target) = self._train, self.parts.languages
        return {
            "source_language": source,
            "target_language": target,
            **self.part_sizes(pairs=len),
            "train_too_long": train.dropped_source + train.dropped_target,
        }

    def outline(self) -> list[tuple[str, str]]:
        """Describe the splits, the tokens, and pairs that are left out."""
        left_out = self.data["train_too_long"]
        return [
            *self.part_rows(pairs="pairs"),
            ("tokens", self.vocabulary.describe()),
            ("left out", f"{left_out:,} pairs: they are too long" if left_out else "nothing"),
        ]

    def summary(self) -> str:
        network = self.config.network
        encoder = network.encoder_cell or network.cell
        sides = f"{encoder} to {network.cell}" if encoder != network.cell else network.cell
        attention = "without attention" if network.attention == "none" else f"{network.attention} attention"
        members, weights = f"{network.members} members of " * (network.members > 1), self.network.count_parameters()
        return (
            f"{members}{sides} {network.layers}x{network.hidden_size}, {attention}, {weights:,} weights"
            f"; {len(self._train):,} pairs to train on, {self.vocabulary.describe()}"
        )
