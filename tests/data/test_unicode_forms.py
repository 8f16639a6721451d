"""Letters as one character and as several: forms of texts, and remarks on texts with both."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data import learn_vocabulary
from elman.data.read import open_text
from elman.data.tokens import prepare
from elman.data.vocabulary import vocabulary_from_json
from elman.data.vocabulary.unicode_forms import in_form, letters_in_two_forms, pieces_in_form, two_forms_note
from elman.errors import ArtifactError, ConfigError

COMPOSED, APART = "caf\u00e9", "cafe\u0301"
KINDS: list[dict[str, Any]] = [{"kind": "characters"}, {"kind": "words"}, {"kind": "subwords", "size": 300}]
PARTS = st.text("ae\u0301\u0323\u00e9\u00ea \ufb01\uff76\uff9e\u1112\u1161\u11ab\u3131\uffc2\n", max_size=6)


@given(st.lists(PARTS, max_size=8), st.sampled_from(["keep", "nfc", "nfkc"]))
def test_the_form_of_pieces_is_that_of_the_whole(pieces: list[str], form: str) -> None:
    whole = "".join(pieces)
    expected = whole if form == "keep" else unicodedata.normalize(form.upper(), whole)  # type: ignore[arg-type]
    assert in_form(whole, form) == expected
    assert "".join(pieces_in_form(pieces, form)) == expected


@pytest.mark.parametrize("options", KINDS, ids=lambda options: options["kind"])
def test_a_vocabulary_reads_both_forms_as_one(options: dict[str, Any]) -> None:
    texts = [f"{COMPOSED} noir {APART}\n"] * 4
    kept = learn_vocabulary(options, texts)
    assert kept.encode(COMPOSED).tolist() != kept.encode(APART).tolist()
    assert "unicode_form" not in kept.to_json()
    one = learn_vocabulary({**options, "unicode_form": "nfc"}, texts)
    assert one.encode(COMPOSED).tolist() == one.encode(APART).tolist()
    assert one.decode(one.encode(APART)) == COMPOSED
    assert not one.count_unknown(APART)
    stored = json.loads(json.dumps(one.to_json()))
    again = vocabulary_from_json(stored)
    assert again.unicode_form == "nfc"
    assert again.fingerprint() == one.fingerprint()
    assert again.encode(APART).tolist() == one.encode(COMPOSED).tolist()
    with pytest.raises(ArtifactError, match="unicode_form"):
        vocabulary_from_json({**stored, "unicode_form": "nfx"})
    # As files of earlier versions, without the key.
    assert vocabulary_from_json(kept.to_json()).unicode_form == "keep"
    same = vocabulary_from_json({**kept.to_json(), "unicode_form": "nfc"})
    assert same.fingerprint() != kept.fingerprint()
    with pytest.raises(ConfigError, match=r"unicode_form to be one of keep, nfc, nfkc\. Received: 'nfd'"):
        learn_vocabulary({**options, "unicode_form": "nfd"}, texts)


def test_compatibility_forms_are_plain_letters() -> None:
    words = learn_vocabulary({"kind": "words", "unicode_form": "nfkc"}, ["\ufb01ne \uff21\uff22\n"])
    assert words.decode(words.encode("fine AB")) == "fine AB"


@pytest.mark.parametrize("kind", ["characters", "words"])
def test_a_text_in_files_is_read_in_the_form(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"{APART} x\n\n{COMPOSED} y\n" * 30, encoding="utf-8")
    given: dict[str, Any] = {"split": (1.0, 0.0, 0.0), "cache": tmp_path / "cache"}
    form: dict[str, Any] = {"documents": "lines", "unicode_form": "nfc"}
    with open_text([tmp_path / "a.txt"], **form, block=7) as source:
        corpus = prepare(source, vocabulary={"kind": kind, "unicode_form": "nfc"}, **given)
        assert corpus.scan.characters == 60 * len(f"{COMPOSED} x")
    ids = corpus.train.read(0, len(corpus.train))
    assert corpus.vocabulary.decode(ids[ids != corpus.vocabulary.end_id].tolist()).count(COMPOSED) == 60
    assert corpus.train.documents == 60
    # A source in another form has the same tokens.
    with open_text([tmp_path / "a.txt"], documents="lines") as source:
        other = prepare(source, vocabulary=corpus.vocabulary, **given)
    assert other.train.read(0, len(other.train)).tolist() == ids.tolist()
    with pytest.raises(ConfigError, match="unicode_form"):
        open_text([tmp_path / "a.txt"], unicode_form="nfd")


def test_letters_in_two_forms_are_counted_and_shown() -> None:
    assert letters_in_two_forms([COMPOSED, APART, "plain", "\u00fc"]) == {"\u00e9": "e\u0301"}
    assert letters_in_two_forms([APART, "\u0438\u0301"]) == {}
    assert letters_in_two_forms([COMPOSED]) == {}
    # U+1EC7 as one character, and as U+00EA with a dot below.
    assert letters_in_two_forms(["\u1ec7", "\u00ea\u0323"]) == {"\u1ec7": "\u00ea\u0323"}
    assert letters_in_two_forms(["\ud55c", "\u1112\u1161\u11ab"]) == {"\ud55c": "\u1112\u1161\u11ab"}


@pytest.mark.parametrize("options", KINDS, ids=lambda options: options["kind"])
def test_a_note_names_the_option_and_texts_without_marks_are_not_read(options: dict[str, Any]) -> None:
    def note(texts: list[str], **more: str) -> str | None:
        return two_forms_note([learn_vocabulary({**options, **more}, texts)], lambda: texts)

    said = note([COMPOSED, f"{APART} {APART}"])
    assert said is not None
    assert "1 letter" in said
    assert "unicode_form=nfc" in said
    assert "U+00E9" in said
    assert "U+0065 U+0301" in said
    assert note([APART, APART]) is None
    assert note([COMPOSED, APART], unicode_form="nfc") is None

    def never() -> list[str]:
        raise AssertionError("the texts are not read")

    unread: Callable[[], Any] = never
    assert two_forms_note([learn_vocabulary(options, [COMPOSED, "na\u00efve \u4e2d\u6587"])], unread) is None
