"""`benchmarks/defaults.py`: its rows, what it runs, and failing runs. No test here trains but the slow one."""

from __future__ import annotations

import json
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

VERDICT = {
    "figure": "accuracy",
    "items": 50,
    "network": 0.8,
    "rules": {"the commonest class": 0.5, "naive Bayes": 0.75},
    "best": "naive Bayes",
    "outcome": "even",
    "sentence": "The network is not better: 80 % to 75 % (95 % interval -1.2 to +11.3, but p = 0.07), on 50.",
}
TRAINED = {"steps": 30, "seconds": 4.2, "test": {"accuracy": 0.8, "other": "text"}, "verdict": VERDICT}
EVALUATED = {"accuracy": 0.8, "verdict": VERDICT}
AUTOMATIC = {"options": {"bag": 2, "embedding_dropout": 0.5, "tied": False}, "because": ["8 texts", "2 classes"]}
FACTS = {"source": "s", "commit": "c", "machine": "m"}


@pytest.fixture(scope="module")
def defaults(benchmark_module: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_module("defaults")


class Calls:
    """Stands for the commands: keeps their words, writes a model's description, and answers with JSON."""

    def __init__(self, answers: dict[str, Any], failing: tuple[str, ...] = (), error: type[BaseException] = OSError):
        self.answers = answers
        self.failing = failing
        self.error = error
        self.words: list[list[str]] = []

    @property
    def trained(self) -> int:
        return sum(words[0] == "train" for words in self.words)

    def __call__(self, words: list[str], folder: Path, limit: float) -> tuple[Any, list[str], float]:
        self.words.append(words)
        if folder.name in self.failing:
            raise self.error("no more")
        if words[0] == "train":
            model = Path(words[words.index("-o") + 1])
            model.mkdir(parents=True)
            described = {"training": {"parameters": 7, "automatic": AUTOMATIC}}
            (model / "elman.json").write_text(json.dumps(described))
        return self.answers[words[0]], ["a remark"], 1.0


@pytest.fixture
def given(defaults: ModuleType, stand_ins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Namespace:
    """Return the arguments of a call on two sets."""
    monkeypatch.setenv("ELMAN_SHARED_DATA", str(stand_ins))
    words = ["--only", "sst2", "mr", "--preset", "base", "--work", str(tmp_path), "--seconds", "5", "--workers", "1"]
    return defaults.arguments([*words, "--output", str(tmp_path / "table.md")])


def made(defaults: ModuleType, given: Namespace, calls: Calls, monkeypatch: pytest.MonkeyPatch, **facts: str) -> Any:
    """Make the runs that have no row yet, and return all rows."""
    monkeypatch.setattr(defaults, "call", calls)
    facts = {**FACTS, **facts}
    monkeypatch.setattr(defaults, "source_digest", lambda: facts["source"])
    rows = defaults.Rows(given.work / "rows.jsonl")
    defaults.run_all(given, rows, facts)
    return rows


def test_the_digest_depends_on_everything_that_was_run(defaults: ModuleType) -> None:
    run = defaults.Run("sst2", "base", 60.0, 0)
    others = [
        run._replace(name="mr"), run._replace(preset="auto"), run._replace(seconds=30.0), run._replace(seed=1),
        run._replace(alone=True),
    ]  # fmt: skip
    digests = [each.digest("data", "source") for each in (run, *others)]
    digests += [run.digest("other", "source"), run.digest("data", "other")]
    assert len(set(digests)) == len(digests)
    assert digests[0] == defaults.Run("sst2", "base", 60.0, 0).digest("data", "source")


def test_a_row_has_the_figures_and_what_was_chosen(
    defaults: ModuleType, given: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Calls({"train": TRAINED, "evaluate": EVALUATED})
    rows = made(defaults, given, calls, monkeypatch).found
    assert [row["set"] for row in rows] == ["sst2", "mr"]
    row = rows[0]
    assert row | {
        "kind": "texts", "held_out": False, "preset": "base", "seconds": 5.0, "seed": 0, "alone": False, **FACTS,
        "figure": "accuracy", "value": 0.8, "higher": True, "rule": "naive Bayes", "rule_value": 0.75, "network": 0.8,
        "outcome": "even", "interval": ["-1.2", "+11.3"], "items": 50, "steps": 30, "trained": 4.2, "parameters": 7,
        "chosen": "--bag 2 --embedding-dropout 0.5 --no-tied", "because": "8 texts; 2 classes",
        "test": {"accuracy": 0.8}, "remarks": ["a remark", "a remark"], "busy": 2.0,
    } == row  # fmt: skip
    model = calls.words[0][calls.words[0].index("-o") + 1]
    assert calls.words[0] == [
        "train", "classifier", "train.csv", "--test", "test.csv", "-o", model, "--max-seconds", "5", "--threads", "1",
        "--preset", "base", "--seed", "0", "--json",
    ]  # fmt: skip
    assert not Path(model).exists()


def test_runs_that_have_a_row_are_not_repeated(
    defaults: ModuleType, given: Namespace, monkeypatch: pytest.MonkeyPatch, rows_of: Callable[[Path], list[Any]]
) -> None:
    calls = Calls({"train": TRAINED, "evaluate": EVALUATED})
    made(defaults, given, calls, monkeypatch)
    made(defaults, given, calls, monkeypatch)
    assert calls.trained == 2
    made(defaults, given, calls, monkeypatch, source="changed")
    assert calls.trained == 4
    given.keep = True
    made(defaults, given, calls, monkeypatch, source="changed again")
    assert calls.trained == 4
    given.seeds = [0, 1]
    found = made(defaults, given, calls, monkeypatch, source="changed again")
    assert calls.trained == 6
    assert rows_of(given.work / "rows.jsonl") == found.found
    latest = found.latest(5.0, False)
    assert [(row["set"], row["seed"], row["source"]) for row in latest] == [
        ("sst2", 0, "changed"), ("sst2", 1, "changed again"), ("mr", 0, "changed"), ("mr", 1, "changed again"),
    ]  # fmt: skip
    assert found.latest(60.0, False) == found.latest(5.0, True) == []


def test_a_row_that_was_cut_short_is_made_again(
    defaults: ModuleType, given: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Calls({"train": TRAINED, "evaluate": EVALUATED})
    made(defaults, given, calls, monkeypatch)
    path = given.work / "rows.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert [row["set"] for row in made(defaults, given, calls, monkeypatch).found] == ["sst2", "mr"]
    assert calls.trained == 3
    assert [row["set"] for row in defaults.Rows(path).found] == ["sst2", "mr"]


def test_a_run_that_fails_is_a_row_and_the_others_go_on(
    defaults: ModuleType, given: Namespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given.preset = ["base", "small"]
    calls = Calls({"train": TRAINED, "evaluate": EVALUATED}, failing=("sst2",))
    rows = made(defaults, given, calls, monkeypatch)
    assert [(row["set"], row.get("error")) for row in rows.found] == [
        ("sst2", "OSError: no more"), ("mr", None), ("sst2", "OSError: no more"), ("mr", None),
    ]  # fmt: skip
    assert "sst2               base   seed 0  FAILED: OSError: no more" in capsys.readouterr().out
    defaults.write_table(given, rows)
    assert "- sst2, base, seed 0: OSError: no more" in given.output.read_text()
    made(defaults, given, calls, monkeypatch)
    assert calls.trained == 4
    given.retry, calls.failing = True, ()
    rows = made(defaults, given, calls, monkeypatch)
    assert calls.trained == 6
    assert not any("error" in row for row in rows.latest(5.0, False))


def test_a_run_without_a_verdict_failed(
    defaults: ModuleType, given: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    given.only = ["mr"]
    row = made(defaults, given, Calls({"train": TRAINED, "evaluate": {"accuracy": 0.8}}), monkeypatch).found[0]
    assert row["error"] == "the run has no verdict"
    assert row["kind"] == "texts"


@pytest.mark.parametrize("ended", [0, 1])
def test_no_row_is_of_a_source_that_was_changed(
    defaults: ModuleType, given: Namespace, monkeypatch: pytest.MonkeyPatch, ended: int
) -> None:
    calls = Calls({"train": TRAINED, "evaluate": EVALUATED})
    monkeypatch.setattr(defaults, "call", calls)
    # A run asks before and after it.
    found = iter([FACTS["source"]] * 2 * ended + ["changed"] * 9)
    monkeypatch.setattr(defaults, "source_digest", lambda: next(found))
    with pytest.raises(SystemExit, match="the source of the package was changed during the runs"):
        defaults.run_all(given, defaults.Rows(given.work / "rows.jsonl"), FACTS)
    assert calls.trained == ended
    assert [row["set"] for row in defaults.Rows(given.work / "rows.jsonl").found] == ["sst2"][:ended]


def test_a_run_that_was_stopped_has_no_row(
    defaults: ModuleType, given: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Calls({"train": TRAINED, "evaluate": EVALUATED}, failing=("mr",), error=KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        made(defaults, given, calls, monkeypatch)
    assert "mr" not in [row["set"] for row in defaults.Rows(given.work / "rows.jsonl").found]


def test_the_verdict_is_that_of_the_evaluation(
    defaults: ModuleType, given: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    given.only = ["mr"]
    short = {**TRAINED, "verdict": {**VERDICT, "network": 0.7, "fitted_on": {"naive Bayes": 1000}}}
    more = {"accuracy": 0.8, "verdict": {**VERDICT, "rules": {"naive Bayes": 0.9}, "outcome": "worse"}}
    calls = Calls({"train": short, "evaluate": more})
    row = made(defaults, given, calls, monkeypatch).found[0]
    assert (row["outcome"], row["rule_value"], row["fitted_on"]) == ("worse", 0.9, {})
    assert (row["run_verdict"]["network"], row["run_verdict"]["fitted_on"]) == (0.7, {"naive Bayes": 1000})
    model = calls.words[0][calls.words[0].index("-o") + 1]
    assert calls.words[1] == ["evaluate", model, "test.csv", "--baseline", "--json"]


def test_the_figure_is_that_of_the_whole_test_part(
    defaults: ModuleType, given: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    given.only = ["mr"]
    answer = {**TRAINED, "test": {"accuracy": 0.79}}
    row = made(defaults, given, Calls({"train": answer, "evaluate": EVALUATED}), monkeypatch).found[0]
    assert (row["value"], row["network"]) == (0.79, 0.8)


def test_too_few_items_are_no_verdict(defaults: ModuleType, given: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    given.only = ["mr"]
    few = {**VERDICT, "sentence": "Network and best simple rule: 1 against 2. Three items are too few to say which."}
    calls = Calls({"train": TRAINED, "evaluate": {**EVALUATED, "verdict": few}})
    row = made(defaults, given, calls, monkeypatch).found[0]
    assert (row["outcome"], row["interval"]) == ("", None)


def test_alone_the_test_file_is_for_the_evaluation(
    defaults: ModuleType, given: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    given.only, given.alone = ["mr"], True
    calls = Calls({"train": {"steps": 3, "seconds": 1.0}, "evaluate": {"accuracy": 0.8, "verdict": VERDICT}})
    row = made(defaults, given, calls, monkeypatch).found[0]
    assert "--test" not in calls.words[0]
    assert calls.words[1][2:] == ["test.csv", "--baseline", "--json"]
    assert (row["alone"], row["value"]) == (True, 0.8)


def test_a_forecaster_is_measured_by_a_backtest(
    defaults: ModuleType, given: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    given.only = ["airline"]
    scores = {"network": 0.7, "seasonal_naive": 0.9, "drift": 0.8, "autoregression": 0.85}
    answer = {
        "scores": {name: {"mase": value, "rmse": 1.0} for name, value in scores.items()},
        "forecasts": 25,
        "verdict": "The network is better ... (95 % interval +0.05 to +0.15), on 25 separate periods.",
        "outcome": "better",
    }
    trained = {"steps": 30, "seconds": 4.2, "verdict": VERDICT}
    calls = Calls({"train": trained, "backtest": answer})
    row = made(defaults, given, calls, monkeypatch).found[0]
    assert "--test" not in calls.words[0]
    assert calls.words[1][2:] == ["all.csv", "--horizon", "12", "--origins", "25", "--step", "1", "--as-is", "--json"]
    assert (row["figure"], row["value"], row["higher"]) == ("mase", 0.7, False)
    assert (row["rule"], row["rule_value"], row["outcome"]) == ("drift", 0.8, "better")
    assert row["interval"] == ["+0.05", "+0.15"]


def test_texts_of_other_tokens_are_compared_by_bits(
    defaults: ModuleType, given: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    given.only = ["nietzsche"]
    verdict = {**VERDICT, "figure": "loss", "network": 1.4, "rules": {"5-grams": 1.5}, "best": "5-grams"}
    answer = {**TRAINED, "verdict": verdict, "test": {"bits_per_char": 2.1, "nats_per_token": 1.4}}
    calls = Calls({"train": answer, "evaluate": {"verdict": verdict}})
    row = made(defaults, given, calls, monkeypatch).found[0]
    assert (row["figure"], row["value"], row["higher"]) == ("bits_per_char", 2.1, False)
    assert (row["rule_figure"], row["rule_value"], row["network"]) == ("loss", 1.5, 1.4)


def test_held_out_sets_need_their_option(defaults: ModuleType) -> None:
    names = defaults.names_of(defaults.arguments([]))
    assert "sst2" in names
    assert "sst5" not in names
    assert "sst5" in defaults.names_of(defaults.arguments(["--held-out"]))
    assert defaults.names_of(defaults.arguments(["--kind", "captioning", "transcribing"])) == [
        "fsdd-words", "mnist-captions",
    ]  # fmt: skip
    with pytest.raises(SystemExit, match=r"expected --held-out with sets .* Received: sst5"):
        defaults.names_of(defaults.arguments(["--only", "sst5", "sst2"]))


def test_absent_data_is_skipped_with_a_line(
    defaults: ModuleType, given: Namespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setenv("ELMAN_SHARED_DATA", str(tmp_path))
    calls = Calls({"train": TRAINED, "evaluate": EVALUATED})
    assert made(defaults, given, calls, monkeypatch).found == []
    assert "skipped: mr: needs the data set classification/mr in shared/data" in capsys.readouterr().out


def test_data_that_cannot_be_read_is_skipped_with_a_line(
    defaults: ModuleType, given: Namespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:  # fmt: skip
    (tmp_path / "classification/sst2").mkdir(parents=True)
    monkeypatch.setenv("ELMAN_SHARED_DATA", str(tmp_path))
    assert made(defaults, given, Calls({"train": TRAINED, "evaluate": EVALUATED}), monkeypatch).found == []
    assert "skipped: sst2: its files could not be written: FileNotFoundError" in capsys.readouterr().out


def test_messages_of_a_failing_command(defaults: ModuleType, tmp_path: Path) -> None:
    words = ["train", "classifier", "nothing.csv", "--json"]
    with pytest.raises(defaults.Failure, match=r"exit code 2: expected a folder for the model"):
        defaults.call(words, tmp_path, 60.0)


def test_a_command_that_takes_too_long_is_ended(
    defaults: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(defaults, "COMMAND", ("sleep",))
    with pytest.raises(defaults.Failure, match=r"stopped after 0\.01 s"):
        defaults.call(["30"], tmp_path, 0.01)
    assert not defaults.RUNNING


def test_commands_end_with_the_script(defaults: ModuleType, given: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both runs sleep; the script is stopped while it waits for them."""
    given.workers = 2
    monkeypatch.setattr(defaults, "COMMAND", ("sh", "-c", "sleep 30"))
    monkeypatch.setattr(defaults, "source_digest", lambda: FACTS["source"])

    def stopped(futures: Any) -> Any:
        while len(defaults.RUNNING) < 2:
            time.sleep(0.01)
        raise SystemExit(143)

    monkeypatch.setattr(defaults, "as_completed", stopped)
    begun = time.monotonic()
    with pytest.raises(SystemExit):
        defaults.run_all(given, defaults.Rows(given.work / "rows.jsonl"), FACTS)
    assert time.monotonic() - begun < 20
    assert not defaults.RUNNING
    assert not (given.work / "rows.jsonl").exists()


def test_presets_and_the_digest_of_the_source(defaults: ModuleType, tmp_path: Path) -> None:
    assert defaults.arguments([]).preset == ["auto", "base"]
    assert defaults.arguments(["--preset", "large", "--preset", "small", "--preset", "large"]).preset == [
        "large",
        "small",
    ]
    assert not defaults.arguments([]).work.is_relative_to(defaults.ROOT)
    assert len(defaults.source_digest()) == 16


@pytest.mark.slow
def test_a_real_run(defaults: ModuleType, given: Namespace) -> None:
    given.only, given.seconds = ["mr"], 1.0
    rows = defaults.Rows(given.work / "rows.jsonl")
    defaults.run_all(given, rows, {**FACTS, "source": defaults.source_digest()})
    row = rows.found[0]
    assert row.get("error") is None
    assert row["figure"] == "accuracy"
    assert row["items"] == 4
    assert row["steps"] > 0
    assert row["value"] == row["test"]["accuracy"]
    assert row["busy"] > 0.1
