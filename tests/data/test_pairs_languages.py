"""The languages of pairs by the names of their files."""

from __future__ import annotations

import dataclasses

import pytest

from elman.data.pairs.config import PairsConfig
from elman.data.pairs.languages import check_direction, check_source, languages_of
from elman.errors import DataError


def test_languages_are_reported_by_suffixes():
    config = PairsConfig()
    assert languages_of(["a/train.de", "a/train.en"], config) == ("de", "en")
    assert languages_of(["train.de.gz", "train.en.gz"], config) == ("de", "en")
    assert languages_of(["a.deu", "b.deu", "a.eng", "b.eng"], config) == ("deu", "eng")
    assert languages_of(["train.tsv"], config) == ("", "")
    assert languages_of(["a.txt", "b.txt"], config) == ("", "")
    assert languages_of(["a.de", "a.txt"], config) == ("", "")
    turned = dataclasses.replace(config, source_column="en", target_column="de")
    assert languages_of(["train.de", "train.en"], turned) == ("en", "de")
    numbered = dataclasses.replace(config, source_column="2", target_column="1")
    assert languages_of(["train.de", "train.en"], numbered) == ("en", "de")


def test_only_the_other_direction_is_refused():
    check_direction(("", ""), ("en", "de"))
    check_direction(("de", "en"), ("de", "fr"))
    check_source(("de", "en"), "a/b.fr")
    with pytest.raises(DataError, match=r"from de to en, as the model was trained\. Received: files from en to de"):
        check_direction(("de", "en"), ("en", "de"))
    with pytest.raises(DataError, match=r"sentences in de: .*Received: a/b\.en, in en by its name"):
        check_source(("de", "en"), "a/b.en")
