"""The model card: whole, safe in Markdown, and silent about the folders of the machine that made it."""

from __future__ import annotations

from typing import Any

import pytest

from elman.artifact import model_card
from elman.tasks.registry import built_in, find


def card(**changes: Any) -> str:
    values: dict[str, Any] = {
        "task": "language-model",
        "config": {
            "text": {"tokens": "words"},
            "network": {"cell": "lstm", "hidden_size": 256, "dropout": None, "layers": [1, 2], "tied": True},
        },
        "training": {"optimizer": {"name": "adamw", "learning_rate": 0.004}},
        "metrics": {"loss": 1.23456789, "perplexity": 1e9},
        "data": {
            "files": [{"name": "book.txt", "bytes": 1115394, "sha256": "86c4"}, {"name": "more.txt"}],
            "tokens": 9,
        },
        "command": "elman train language-model book.txt -o model",
        "version": "0.1.0",
    }
    values |= changes
    if "snippet" not in values and values["task"] in built_in():
        values["snippet"] = built_in()[values["task"]].card
    return model_card(**values)


def test_front_matter() -> None:
    front = card().split("---\n")[1].splitlines()
    assert front == [
        "library_name: elman",
        "tags:",
        "- recurrent-neural-network",
        "- language-model",
        "pipeline_tag: text-generation",
    ]
    assert "pipeline_tag: time-series-forecasting" in card(task="forecaster")
    assert "pipeline_tag" not in card(task="of-a-later-version")


def test_title_and_every_value() -> None:
    lines = card().splitlines()
    assert "# Language model (`lstm`)" in lines
    for line in (
        "| `loss` | 1.23457 |",
        "| `perplexity` | 1e+09 |",
        "| `network.hidden_size` | 256 |",
        "| `network.dropout` | – |",
        "| `network.layers` | 1, 2 |",
        "| `network.tied` | yes |",
        "| `optimizer.learning_rate` | 0.004 |",
        "| `name` | `bytes` | `sha256` |",
        "| `book.txt` | 1115394 | `86c4` |",
        "| `more.txt` | – | – |",
        "| `tokens` | 9 |",
        "elman train language-model book.txt -o model",
        'model = elman.load("MODEL")',
    ):
        assert line in lines
    assert card().endswith("```\n")


def test_sections_without_content_are_left_out() -> None:
    text = card(metrics={}, training={}, data={}, command="")
    assert not {"## Metrics", "## Training", "## Data", "## How it was made"} & set(text.splitlines())


@pytest.mark.parametrize(
    "path",
    [
        "/srv/secret dir/book.txt",
        "~/secret/book.txt",
        "C:\\secret\\book.txt",
        "D:/secret/book.txt",
        "\\\\host\\secret\\book.txt",
        "file:///secret/book.txt",
    ],
)
def test_absolute_paths_are_cut(path: str) -> None:
    text = card(data={"files": [{"name": path}], "source": path, path: {"bytes": 1}, "all": [path]})
    assert "secret" not in text
    assert text.count("book.txt") == 5  # four here, one in the command


def test_absolute_paths_are_cut_out_of_the_command() -> None:
    text = card(
        command="elman train t '/secret/my dir/book.txt' --valid=/secret/v.txt -o /secret/model --name a=/secret/b",
        data={},
    )
    assert "elman train t book.txt --valid=v.txt -o model --name a=b" in text
    assert "secret" not in text
    assert "secret" not in card(command="elman train '/secret/open")


def test_text_cannot_act_as_markdown() -> None:
    text = card(
        metrics={"a|b\n\n# x": "`<script>`|\n# y"},
        command="elman ```` train\n# z",
        config={"cell": "a`b\n# c"},
        data={},
    )
    lines = text.splitlines()
    assert "| `a\\|b # x` | `'<script>'\\| # y` |" in lines
    assert "# Language model (`a'b # c`)" in lines
    assert [line for line in lines if line.startswith("`````")] == ["`````sh", "`````"]


def test_of_a_long_list_the_beginning_is_reported() -> None:
    text = card(data={"files": [f"{number}.txt" for number in range(25)]})
    assert "`9.txt`, and 15 more |" in text
    assert "`10.txt`" not in text


def test_a_classifier_of_texts_and_one_of_series() -> None:
    text = card(task="classifier", data={"kind": "text"})
    assert "pipeline_tag: text-classification" in text.splitlines()
    assert "elman predict MODEL DATA" in text.splitlines()
    assert 'print(model.predict(pathlib.Path("DATA")))' in text.splitlines()
    assert "pipeline_tag" not in card(task="classifier", data={"kind": "series"})


def test_a_tagger_of_words_and_one_of_frames() -> None:
    snippet = find("tagger").card
    text = card(task="tagger", data={"kind": "text"}, snippet=snippet)
    assert "pipeline_tag: token-classification" in text.splitlines()
    assert "elman tag MODEL FILE" in text.splitlines()
    assert "pipeline_tag" not in card(task="tagger", data={"kind": "series"}, snippet=snippet)
