"""How good a translator is: `elman evaluate` and `elman score`. Imports torch only when a model is opened."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.cli.evaluate import EvaluateFlags
from elman.cli.model_folder import open_model
from elman.cli.output import Progress, print_json, remark
from elman.cli.score import ScoreFlags
from elman.display import aligned, plain, printable
from elman.errors import ConfigError, DataError

if TYPE_CHECKING:
    from elman.data.pairs import Pairs
    from elman.tasks.translator import Translator
    from elman.tasks.translator.score import PairScore

__all__ = ["evaluate_pairs", "score_pairs"]


def evaluate_pairs(model: Path, data: tuple[str, ...], flags: EvaluateFlags) -> None:
    """`elman evaluate` for a translator: perplexity, accuracy, BLEU, chrF and exact translations."""
    flags.refuse("translator", "picture")
    if flags.limit is not None and flags.limit < 1:
        raise ConfigError(f"expected --limit of at least 1 pair. Received: {flags.limit}")
    translator: Translator = open_model(model, "translator")
    ensemble = [open_model(other, "translator") for other in flags.ensemble or ()]
    pairs = _read(translator, data, flags.encoding, flags.errors)
    if flags.limit is not None:
        pairs = pairs.take(range(min(flags.limit, len(pairs))))
    for told in translator.remarks_on(pairs.sources):
        remark(told)
    options: dict[str, Any] = {} if flags.beams is None else {"beams": flags.beams}
    with Progress() as progress:
        figures = translator.evaluate(pairs, ensemble=ensemble, progress=progress, **options)
    if "bleu" not in figures:
        remark("BLEU and chrF need sacrebleu: pip install 'elman[translation]'")
    if flags.json:
        print_json(figures)
        return
    print(aligned([(_NAMES.get(name, name), _shown(name, value)) for name, value in figures.items()], right=[]))


_NAMES = {"bleu": "BLEU", "chrf": "chrF", "bleu_signature": "BLEU signature", "chrf_signature": "chrF signature"}


def _shown(name: str, value: Any) -> str:
    if name in ("tokens", "pairs"):
        return f"{value:,.0f}"
    if name in ("bleu", "chrf"):
        return f"{value:.2f}"
    if isinstance(value, str):
        return value
    return f"{value:.2%}" if name in ("accuracy", "exact") else f"{value:.4f}"


def score_pairs(model: Path, files: tuple[str, ...], flags: ScoreFlags) -> None:
    """`elman score` for a translator: how likely each target is, given its source."""
    translator: Translator = open_model(model, "translator")
    if files:
        pairs = _read(translator, files, flags.encoding, flags.errors)
        sources, targets = pairs.sources, pairs.targets or []
    else:
        sources, targets = _given(flags.text or [])
    numbered = list(enumerate(translator.score(sources, targets), 1))
    if flags.rank:
        numbered.sort(key=lambda pair: pair[1].perplexity)
    if flags.json:
        print_json({"pairs": [_facts(number, found, flags.per_token) for number, found in numbered]})
        return
    print("  log-prob  perplexity  target")
    for _, found in numbered:
        target = printable(found.target) if sys.stdout.isatty() else found.target
        print(f"{found.log_probability:10.3f}  {found.perplexity:10.4g}  {target}")
        if flags.per_token:
            for token, value in zip(found.tokens, found.log_probs, strict=True):
                print(f"{value:20.3f}  {plain(token)}")


def _given(lines: list[str]) -> tuple[list[str], list[str]]:
    """Sources and targets of texts with a tab in them."""
    cut = [line.split("\t") for line in lines]
    for number, parts in enumerate(cut, 1):
        if len(parts) != 2:
            raise DataError(
                f"--text {number}: expected a source, a tab and a target. Received: {lines[number - 1][:40]!r}"
            )
    return [source for source, _ in cut], [target for _, target in cut]


def _read(translator: Translator, files: tuple[str, ...], encoding: str | None, errors: str | None) -> Pairs:
    pairs = translator.read(list(files), encoding=encoding or "", errors=errors or "")
    for told in pairs.remarks():
        remark(told)
    return pairs


def _facts(number: int, found: PairScore, per_token: bool) -> dict[str, Any]:
    """A pair's score as plain values."""
    facts: dict[str, Any] = {
        "pair": number,
        "source": found.source,
        "target": found.target,
        "tokens": len(found.tokens),
        "unknown": found.unknown,
        "log_probability": found.log_probability,
        "perplexity": found.perplexity,
    }
    if per_token:
        facts["per_token"] = [list(pair) for pair in zip(found.tokens, found.log_probs, strict=True)]
    return facts
