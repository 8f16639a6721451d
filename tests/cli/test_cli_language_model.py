"""`elman generate`, `score` and `evaluate`."""

from __future__ import annotations

import io
import json
import math
import shutil
from types import SimpleNamespace

import pytest

from elman import load
from elman.display import printable
from elman.tasks.endpoint import with_line_ends


def test_generate_prints_the_prompt_and_the_text(elman, model):
    said = elman("generate", model, "--prompt", "the ", "--length", 12, "--seed", 1)
    assert said.code == 0
    assert said.out.startswith("the ")
    assert said.out.endswith("\n")
    assert said.err == ""
    bare = elman("generate", model, "--prompt", "the ", "--length", 12, "--seed", 1, "--no-echo")
    assert "the " + bare.out == said.out


def test_generate_json_holds_the_same_text(elman, model):
    words = ("generate", model, "--prompt", "a", "--length", 9, "--seed", 3)
    facts = elman(*words, "--json").json()
    assert facts == {"prompt": "a", "seed": 3, "texts": facts["texts"]}
    assert elman(*words, "--no-echo").out.rstrip("\n") == facts["texts"][0].rstrip("\n")


def test_the_seed_is_reported_when_it_is_drawn(elman, model):
    words = ("generate", model, "--length", 30, "--json")
    facts = elman(*words).json()
    assert elman(*words, "--seed", facts["seed"]).json() == facts


def test_several_samples(elman, model):
    words = ("generate", model, "--length", 6, "--samples", 3, "--seed", 1)
    texts = elman(*words, "--json").json()["texts"]
    assert len(texts) == 3
    said = elman(*words)
    assert [line for line in said.out.splitlines() if line.startswith("---")] == [
        f"--- {n} of 3 ---" for n in (1, 2, 3)
    ]


def test_a_prompt_from_a_file_and_from_standard_input(elman, model, tmp_path, monkeypatch):
    (tmp_path / "p.txt").write_text("the cat\n")
    words = ("--length", 3, "--seed", 1, "--json")
    asked = elman("generate", model, "--prompt", "the cat", *words).json()
    assert asked["prompt"] == "the cat"
    assert elman("generate", model, tmp_path / "p.txt", *words).json() == asked
    assert elman("generate", model, "--prompt-file", tmp_path / "p.txt", *words).json() == asked
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"the cat\n")))
    assert elman("generate", model, "-", *words).json() == asked


def test_unknown_characters_are_reported(elman, model):
    said = elman("generate", model, "--prompt", "é€", "--length", 2)
    assert said.code == 0
    assert "2 characters of the prompt are unknown" in said.err
    assert said.out.startswith("é€")


def test_an_empty_prompt(elman, model):
    assert elman("generate", model, "--prompt", "", "--length", 2).code == 0


def test_no_temperature_takes_the_likeliest(elman, model):
    words = ("generate", model, "--temperature", 0, "--length", 10)
    assert elman(*words, "--seed", 1).out == elman(*words, "--seed", 2).out


def test_stop_ends_the_text(elman, model):
    words = ("generate", model, "--length", 40, "--seed", 1)
    whole = elman(*words, "--json").json()["texts"][0]
    stop = whole[5]
    assert elman(*words, "--json", "--stop", stop).json()["texts"][0] == whole[: whole.index(stop)]


def test_a_line_end_as_a_stop(elman, model):
    loaded = load(model)
    seed = next(seed for seed in range(200) if "\n" in loaded.generate(length=200, seed=seed))
    words = ("generate", model, "--length", 200, "--seed", seed, "--json", "--no-echo")
    whole = elman(*words).json()["texts"][0]
    assert elman(*words, "--stop", r"\n").json()["texts"][0] == whole[: whole.index("\n")]
    assert with_line_ends(r"a\nb\tc\r\\n\x") == "a\nb\tc\r\\n\\x"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("--temperature", "-1"), "temperature"),
        (("--temperature", "nan"), "temperature"),
        (("--length", "-1"), "length"),
        (("--length", "1.5"), "whole number"),
        (("--samples", "0"), "samples"),
        (("--top-p", "0"), "top_p"),
        (("--top-k", "-1"), "top_k"),
        (("--repetition-penalty", "0"), "repetition_penalty"),
        (("--stop", ""), "stop"),
        (("--seed", "-1"), "seed"),
        (("--temprature", "1"), "Did you mean '--temperature'?"),
        (("--prompt", "\udcff"), "expected --prompt to be valid text"),
        (("--prompt", "a", "--prompt-file", "b"), "Received: both"),
        (("nope.txt",), "nope.txt"),
        (("a", "b"), "Received: 'b'"),
    ],
)
def test_what_cannot_be_generated(elman, model, flags, expected):
    said = elman("generate", model, *flags)
    assert said.code == 2
    assert expected in said.error()


def test_models_that_cannot_be_opened(elman, model, tmp_path):
    for command in (("generate",), ("score", "--text", "a"), ("evaluate", "x.txt"), ("info",)):
        said = elman(command[0], tmp_path / "none", *command[1:])
        assert said.code == 2
        assert "no such folder" in said.error()

    broken = tmp_path / "broken"
    shutil.copytree(model, broken)
    (broken / "weights.safetensors").unlink()
    assert "incomplete" in elman("generate", broken).error()

    other = tmp_path / "other"
    shutil.copytree(model, other)
    facts = json.loads((other / "elman.json").read_text())
    (other / "elman.json").write_text(json.dumps({**facts, "task": "tagger"}))
    said = elman("generate", other)
    assert said.code == 2
    assert "tagger" in said.error()


def test_score_gives_each_line_its_likelihood(elman, model, tmp_path):
    (tmp_path / "lines.txt").write_text("the cat\n\nthe dog sat\n")
    lines = elman("score", model, tmp_path / "lines.txt", "--json", "--per-token").json()["lines"]
    assert [(line["line"], line["text"]) for line in lines] == [(1, "the cat"), (3, "the dog sat")]
    for line in lines:
        values = [value for _, value in line["per_token"]]
        assert line["tokens"] == len(values) == len(line["text"])
        assert line["log_probability"] == pytest.approx(sum(values))
        assert line["perplexity"] == pytest.approx(math.exp(-sum(values) / len(values)))
        assert line["nats_per_char"] == pytest.approx(-sum(values) / len(line["text"]))


def test_rank_puts_the_likeliest_first(elman, model):
    lines = ("the cat", "zzq", "t t t", "cat")
    words = [word for line in lines for word in ("--text", line)]
    plain = elman("score", model, *words, "--json").json()["lines"]
    ranked = elman("score", model, *words, "--rank", "--json").json()["lines"]
    assert [line["text"] for line in plain] == list(lines)
    assert ranked == sorted(plain, key=lambda line: line["perplexity"])
    assert ranked != plain


def test_score_for_people(elman, model):
    said = elman("score", model, "--text", "a t", "--per-token")
    assert said.code == 0
    header, line, *tokens = said.out.splitlines()
    assert "log-prob" in header
    assert line.endswith("a t")
    assert [row.split()[1] for row in tokens] == ["a", "␣", "t"]


def test_score_wants_lines(elman, model, tmp_path):
    assert "by --text" in elman("score", model).error()
    assert "by --text" in elman("score", model, "f", "--text", "a").error()
    (tmp_path / "bad.txt").write_bytes(b"ab\xff")
    assert "offset 2" in elman("score", model, tmp_path / "bad.txt").error()
    assert elman("score", model, tmp_path / "bad.txt", "--errors", "ignore").code == 0


def test_evaluate(elman, model, text):
    facts = elman("evaluate", model, text, "--json").json()
    assert list(facts) == [
        *("nats_per_token", "bits_per_token", "nats_per_char", "bits_per_char", "perplexity", "perplexity_known"),
        *("unknown_share", "accuracy", "tokens"),
    ]
    assert facts["unknown_share"] == 0.0
    assert facts["perplexity_known"] == facts["perplexity"]
    assert "unknown" not in elman("evaluate", model, text).out
    assert facts["bits_per_char"] == pytest.approx(facts["nats_per_char"] / math.log(2))
    assert facts["perplexity"] == pytest.approx(math.exp(facts["nats_per_token"]))
    assert facts["tokens"] == len(text.read_text())
    assert elman("evaluate", model, text, "--limit", 50, "--json").json()["tokens"] == 49
    assert f"{facts['nats_per_token']:.4f}" in elman("evaluate", model, text).out


def test_evaluate_wants_a_text(elman, model, tmp_path):
    (tmp_path / "empty.txt").write_text("")
    for words in ((), (tmp_path / "empty.txt",), (tmp_path / "no.txt",), (tmp_path / "empty.txt", "--limit", 1)):
        said = elman("evaluate", model, *words)
        assert said.code == 2
        assert said.error()


def test_nothing_steers_the_terminal():
    assert printable("a\x1b[2Jb\n\tc\x9b") == "a\ufffd[2Jb\n\tc\ufffd"
