"""The command line as a program: help, errors, exit codes, pipes, signals, and what it imports."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from elman import __version__
from elman.cli import app
from elman.cli.show import one_line
from elman.kernels.native import library

FIRST_KERNEL = "torch" if library.why_not() else "native"


def program(*words: str, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "elman", *words], capture_output=True, text=True, timeout=60, check=False, **settings
    )


@pytest.mark.parametrize("words", [["--help"], ["cells", "--help"], ["train", "lm", "--help"], ["--version"]])
def test_help_imports_no_torch(words):
    script = (
        "import sys; from elman.cli import main; code = main(sys.argv[1:]); "
        "sys.exit(code or any(name in sys.modules for name in ('torch', 'numpy', 'matplotlib', 'tokenizers')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_a_missing_model_is_found_before_torch_is_imported(tmp_path):
    script = (
        "import sys; from elman.cli import main; code = main(['generate', sys.argv[1]]); "
        "sys.exit(code if 'torch' not in sys.modules else 99)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, timeout=60, check=False)
    assert done.returncode == 2


def test_the_version(elman):
    assert elman("--version").out == f"elman {__version__}\n"


def test_every_command_has_help_with_an_example(elman):
    for command in (["train"], ["train", "lm"], ["generate"], ["score"], ["evaluate"], ["info"], ["cells"]):
        said = elman(*command, "--help")
        assert said.code == 0
        assert f"elman {' '.join(command)} " in said.out.replace("Usage: elman", "Usage:")


def test_a_mistyped_command(elman):
    said = elman("trian")
    assert said.code == 2
    assert "expected a command among train, " in said.error()
    assert said.error().endswith("Received: 'trian'. Did you mean 'train'?")


def test_cells(elman):
    found = {cell["name"]: cell for cell in elman("cells", "--json").json()}
    assert {"lstm", "gru", "elman"} <= set(found)
    assert found["lstm"]["options"]["peepholes"] is False
    said = elman("cells", "lstm")
    assert "c' = f * c + i * g" in said.out
    assert "gru" not in said.out
    assert "Did you mean 'lstm'?" in elman("cells", "lstmm").error()


def test_info_about_this_machine(elman):
    facts = elman("info", "--json").json()
    assert facts["elman"] == __version__
    assert facts["kernels"]["lstm"]["kernel"] == FIRST_KERNEL
    assert "not linear" in facts["kernels"]["lstm"]["why_not"]["scan"]
    assert facts["cache"]["folder"] == os.environ["ELMAN_CACHE"]
    shown = elman("info").out
    assert "bfloat16" in shown
    assert facts["tasks"]["language-model"]["streams"] is True
    assert not {line.split()[0] for line in shown.splitlines() if line.strip()} & {"streams", "view"}


def test_info_about_a_forced_kernel(elman, monkeypatch):
    monkeypatch.setenv("ELMAN_KERNELS", "torch")
    facts = elman("info", "--json").json()["kernels"]
    assert facts["lstm"]["kernel"] == "torch"
    assert facts["gru-reset-before"]["kernel"] is None
    assert "torch" in facts["gru-reset-before"]["why_not"]
    assert "gru-reset-before  none; not " in elman("info").out


def test_info_about_the_native_engine(elman, monkeypatch, tmp_path):
    engine = elman("info", "--json").json()["native_engine"]
    assert "problem" in engine or set(engine) == {"instruction_set", "compiler", "threads"}
    monkeypatch.setenv("ELMAN_NATIVE_LIBRARIES", str(tmp_path))
    (tmp_path / "problem.txt").write_text("no C++ compiler was found\n")
    said = elman("info").out
    assert "native engine\n  problem  the compiled library is not built: no C++ compiler was found; reinstall" in said


def test_info_about_a_model(elman, model):
    facts = elman("info", model, "--json").json()
    assert facts["task"] == "language-model"
    assert facts["config"]["network"]["hidden_size"] == 8
    assert facts["parameters"] == facts["training"]["parameters"]
    assert facts["runs_on"]["kernel"] == FIRST_KERNEL
    assert "language-model" in elman("info", model).out


def test_unexpected_errors_are_one_line_too(elman, model, monkeypatch):
    for error, expected, code in (
        (ZeroDivisionError("a\nb"), "unexpected: ZeroDivisionError: a b (--debug shows more)", 1),
        (OSError(28, "No space left on device", "x"), "x: No space left on device (--debug shows more)", 1),
        (MemoryError(), "not enough memory", 1),
        (RuntimeError("[enforce fail] can't allocate memory: you tried"), "not enough memory", 1),
    ):

        def fail(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr("elman.tasks.registry.load_as", fail)
        said = elman("generate", model)
        assert said.code == code
        assert expected in said.error()
    assert "Traceback" in elman("generate", model, "--debug").err


def test_ctrl_c_ends_with_130(elman, model, monkeypatch):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("elman.tasks.registry.load_as", interrupt)
    said = elman("generate", model)
    assert said.code == 130
    assert "Traceback" not in said.err


def test_a_closed_pipe_ends_quietly(model):
    command = f'"{sys.executable}" -m elman generate "{model}" --samples 2000 --length 60 --seed 1 | head -c 10'
    done = subprocess.run(
        ["bash", "-c", command + '; exit "${PIPESTATUS[0]}"'], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 141
    assert done.stderr == b""
    assert len(done.stdout) == 10


@pytest.mark.slow
def test_a_terminal_without_the_characters(model):
    done = program(
        "generate", str(model), "--prompt", "€", "--length", "2", env={**os.environ, "PYTHONIOENCODING": "ascii"}
    )
    assert done.returncode == 0
    assert done.stdout.startswith("\\u20ac")


def test_the_program_has_one_name_for_each_command():
    names = [name for name in app.make_app() if not name.startswith("-")]
    answers = [
        "analogy",
        "backtest",
        "caption",
        "choose",
        "fill",
        "forecast",
        "generate",
        "guess",
        "neighbours",
        "next",
    ]
    answers += ["predict", "project", "score", "similarity", "suggest", "tag", "transcribe", "translate"]
    assert sorted(names) == sorted([*answers, "average", "cache", "cells", "compare", "evaluate", "info", "train"])


def test_info_shows_the_beginning_of_what_is_long():
    files = [f"{number}.txt" for number in range(25)]
    assert one_line(files) == ", ".join(files[:10]) + ", and 15 more"
    assert one_line(files[:10]) == ", ".join(files[:10])
    assert one_line("x" * 400) == "x" * 300 + " ..."


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--resume", "m", "--hidden-size", 3), "Received: --hidden-size"),
        (("lm", "book.txt", "--resume", "m"), "Received: both"),
        (("lm", "book.txt", "--resum", "m"), "Received: --resum"),
        (("--resume", "m", "--max-step", 3), "Received: --max-step. Did you mean '--max-steps'?"),
    ],
)
def test_a_resumed_run_takes_no_new_options(elman, words, expected):
    said = elman("train", *words)
    assert said.code == 2
    assert expected in said.error()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("generate m --temperature hot", "expected --temperature to be a number. Received: 'hot'"),
        ("generate m --length 1.5", "--length: expected a whole number. Received: '1.5'"),
        ("generate m --weights int4", "expected --weights among float32, bfloat16, int8. Received: 'int4'. Did"),
        ("generate m --echo=perhaps", "Received: 'perhaps'"),
        ("generate", "expected a value for MODEL; see elman generate --help. Received: none"),
        ("generate m --length", "expected a value for --length; see elman generate --help. Received: none"),
        ("generate m --seed 1 --seed 2", "expected --seed once. Received: --seed again"),
        ("generate m a b", "expected nothing more after elman generate. Received: 'b'"),
        ("generate m --lenght 3", "see elman generate --help. Received: --lenght. Did you mean '--length'?"),
        ("generate m -x", "Received: -x"),
        ("train lm x --split 1,a", "--split: expected numbers with commas between them"),
        ("train --hidden-size 3", "or --resume MODEL. Received: --hidden-size"),
        (
            "train language-model",
            "at least one text to train on: elman train lm TEXT -o MODEL. Received: none",
        ),
        ("train language-modle x", "Received: 'language-modle'"),
    ],
)
def test_a_command_line_that_cannot_be_read_is_told_of_like_all_else(elman, words, expected):
    said = elman(*words.split())
    assert said.code == 2
    assert expected in said.error()
    assert "xpected " in said.error()
    assert "Received: " in said.error()


def test_a_task_has_its_name_in_a_model_as_another_name_of_its_command(elman, text, tmp_path):
    said = elman("train", "language-model", text, "--dry-run", "--json", "--max-steps", 3, "-q", "--no-tune")
    assert said.json()["steps"] == 3
    assert "--hidden-size" in elman("train", "language-model", "--help").out
    assert "language-model" not in elman("train", "--help").out.partition("Parameters")[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["predict", "m", "x", "--explain", "--prob"], "Received: --prob. Did you mean '--proba'?"),
        (["score", "f", "--rank", "--per-tokn"], "Received: --per-tokn. Did you mean '--per-token'?"),
        (["generate", "m", "--no-echo", "--temprature", "1"], "Did you mean '--temperature'?"),
    ],
)
def test_a_mistyped_option_after_a_switch(words, said, capfd):
    assert app.main(words) == 2
    assert said in capfd.readouterr().err


def test_completion_knows_switches_from_options_with_values(tmp_path):
    """Completion of fish says `-r` of an option that requires a value."""
    home = {**os.environ, "HOME": str(tmp_path), "SHELL": "/usr/bin/fish", "XDG_CONFIG_HOME": str(tmp_path)}
    done = program("--install-completion", env=home)
    assert done.returncode == 0, done.stderr
    (script,) = tmp_path.rglob("*.fish")
    lines = script.read_text().splitlines()
    for switch in ("proba", "explain", "rank", "refit", "stream", "dry-run"):
        found = [line for line in lines if f"-l {switch} " in f"{line} "]
        assert found, switch
        assert not any(" -r" in line for line in found), found
    assert any("-l beams " in line and " -r" in line for line in lines)
    assert any("Generate a text for each vector or image." in line for line in lines)


def test_debug_is_an_option_and_may_be_the_value_of_another(elman, model, monkeypatch):
    told = elman("score", model, "--text", "--debug", "--json").json()
    assert [each["text"] for each in told["lines"]] == ["--debug"]
    assert "Traceback" in elman("--debug", "generate", model, "--top-p", "7").err
    assert "Traceback" in elman("generate", model, "--top-p", "7", "--debug").err
    assert "--debug" in elman("score", model, "--", "--debug").error()
