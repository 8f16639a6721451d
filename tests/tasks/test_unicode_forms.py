"""Letters as one character and as several: in the texts of taggers, classifiers, captioners and transcribers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import elman

from .labelled import OPTIONS as OF_CLASSIFIERS
from .labelled import texts
from .small_captioners import OPTIONS as OF_CAPTIONERS
from .small_captioners import vectors
from .small_taggers import OPTIONS as OF_TAGGERS
from .small_taggers import sentences
from .small_transcribers import OPTIONS as OF_TRANSCRIBERS
from .small_transcribers import RATE, spoken

COMPOSED, APART = "\u00e9", "e\u0301"
QUIET: dict[str, Any] = {"progress": False, "tune": False}


def mixed(text: str, row: int) -> str:
    """A text with \u00e9 for a, in one of two forms by the row."""
    return text.replace("a", APART if row % 2 else COMPOSED)


def classifier(**options: Any) -> Any:
    X, y = texts(40)
    return elman.Classifier(**OF_CLASSIFIERS | options).fit([mixed(x, row) for row, x in enumerate(X)], y, **QUIET)


def tagger(**options: Any) -> Any:
    words, tags, _ = sentences(40)
    changed = [[mixed(word, row) for word in each] for row, each in enumerate(words)]
    return elman.Tagger(**OF_TAGGERS | options).fit(changed, tags, **QUIET)


def captioner(**options: Any) -> Any:
    items, captions = vectors(40)
    changed = [mixed(each, row) for row, each in enumerate(captions)]
    return elman.Captioner(**OF_CAPTIONERS | options).fit(items, changed, **QUIET)


def transcriber(**options: Any) -> Any:
    sounds, said = spoken(40)
    changed = [mixed(each, row) for row, each in enumerate(said)]
    return elman.Transcriber(**OF_TRANSCRIBERS | options).fit(sounds, changed, rate=RATE, **QUIET)


FITS: list[Callable[..., Any]] = [classifier, tagger, captioner, transcriber]


@pytest.mark.parametrize("fit", FITS, ids=lambda fit: fit.__name__)
def test_a_remark_names_the_option_which_makes_both_forms_one(
    fit: Callable[..., Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fit(max_steps=1)
    assert "1 letter of the training texts is in two Unicode forms" in caplog.text
    assert "unicode_form=nfc" in caplog.text
    caplog.clear()
    model = fit(max_steps=1, unicode_form="nfc")
    assert "Unicode" not in caplog.text
    model.save(tmp_path / "m")
    again: Any = elman.load(tmp_path / "m")
    if fit is tagger:
        assert again.vocabulary.unicode_form == "nfc"
        (one, other) = again.predict([[f"p{COMPOSED}ris"], [f"p{APART}ris"]])
        assert one == other
        assert again.vocabulary.word_ids([f"p{APART}ris"]) == again.vocabulary.word_ids([f"p{COMPOSED}ris"]) != [0]
    elif fit is classifier:
        one, other = again.predict_proba([f"th{COMPOSED} f{COMPOSED}ir", f"th{APART} f{APART}ir"])
        assert one.tolist() == other.tolist()
        assert again.explain([f"gr{APART}at"])[0].pieces == (f"gr{COMPOSED}at",)
    elif fit is captioner:
        items, _ = vectors(2)
        one, other = again.score(items, [f"b{COMPOSED}r", f"b{APART}r"]), again.score(items, [f"b{APART}r"] * 2)
        assert one == other
    else:
        sounds, _ = spoken(2)
        figures = [again.evaluate(sounds, [form, form], rate=RATE) for form in (COMPOSED, APART)]
        assert figures[0] == figures[1]


def test_the_unknown_word_of_corpora_is_no_word_of_a_tagger() -> None:
    words, tags, _ = sentences(40)
    changed = [[word if word != "now" else "<unk>" for word in each] for each in words]
    model = elman.Tagger(**OF_TAGGERS | {"max_steps": 1}).fit(changed, tags, **QUIET)
    assert "<unk>" not in model.vocabulary.words
    assert model.vocabulary.word_ids(["<unk>", "never seen"]) == [0, 0]
