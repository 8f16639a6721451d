"""What the pages say is so: snippets run, links lead somewhere, names exist, the tree is the tree."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import inspect
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

from elman import cells, kernels
from elman.cells import LSTM, Elman
from elman.data.text_config import TextConfig
from elman.decode.search_config import SearchConfig
from elman.decode.transcript_config import TranscriptSearchConfig
from elman.tasks.captioner.config import CaptionerConfig
from elman.tasks.classifier.config import ClassifierConfig
from elman.tasks.embeddings.config import EmbeddingsConfig
from elman.tasks.filler.config import FillerConfig
from elman.tasks.forecaster.config import ForecasterConfig
from elman.tasks.language_model.config import PRESETS, LanguageModelNetworkConfig
from elman.tasks.tagger.config import TaggerConfig
from elman.tasks.transcriber.config import TranscriberConfig
from elman.tasks.translator.config import TranslatorConfig
from elman.train.config import TrainConfig

from .pages import PAGES, ROOT, blocks_of, run_elman, run_page, shell_lines

LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMANDS = ("train", "train lm", "generate", "score", "evaluate", "info", "cells", "train tagger", "tag")
COMMANDS += ("train classifier", "predict")
COMMANDS += ("train forecaster", "forecast", "backtest")
COMMANDS += ("train transcriber", "transcribe")
COMMANDS += ("train translator", "translate", "average")
COMMANDS += ("train captioner", "caption", "next", "compare", "suggest", "choose", "guess")
COMMANDS += ("train filler", "fill")
COMMANDS += ("train embeddings", "neighbours", "analogy", "similarity", "project")
# The sections of a classifier that its page documents.
OWN = ("input", "target", "network")
# Options of other programs that the pages name: of ./dev, its benchmarks, and the script that compiles the engine.
OTHERS = {"--words", "--all", "--busy", "--clear", "--list", "--into", "--lags", "--new"}

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


# Each of these trains several models; README.md has a snippet of every task.
SLOW_PAGES = ("captioner.md", "classifier.md", "forecaster.md", "transcriber.md", "translator.md", "plain_networks.md")
SLOW_PAGES += ("language_model.md", "other_libraries.md", "training.md")
# CONTRIBUTING's blocks are parts of files; test_add_a_cell.py puts them there.
SNIPPETS = [
    pytest.param(page, marks=[pytest.mark.slow] * (page.name in SLOW_PAGES), id=page.name)
    for page in PAGES
    if page.name != "CONTRIBUTING.md"
]


@pytest.mark.parametrize("page", SNIPPETS)
def test_snippets_run_and_print_what_the_page_says(page: Path, workplace: Path) -> None:
    ran = run_page(page)
    expected = sum(
        block.language == "python" or sum(line.startswith("elman ") for line in shell_lines(block))
        for block in blocks_of(page)
        if block.language in ("python", "sh")
    )
    assert ran == expected
    assert ran or page.name in ("architecture.md", "CHANGELOG.md")


def headings(page: Path) -> set[str]:
    """The names by which links reach the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {"".join(c for c in title.lower() if c.isalnum() or c in " -_").replace(" ", "-") for title in titles}


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), f"{page.name}: {link}"
        assert target.is_relative_to(ROOT), f"{page.name}: {link}"
        assert not anchor or anchor in headings(target), f"{page.name}: {link}"


def test_every_page_is_linked_from_the_readme() -> None:
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in LINK.findall(read("README.md"))}
    assert set(PAGES) - {ROOT / "README.md"} <= linked
    assert set(ROOT.glob("examples/*.py")) <= linked


@pytest.fixture(scope="module")
def flags() -> set[str]:
    """Every flag of every command, from the help texts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "200")
        helps = [run_elman([*command.split(), "--help"]) for command in ("", *COMMANDS)]
    return {flag for text in helps for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)}


@each_page
def test_options_that_a_page_names_exist(page: Path, flags: set[str]) -> None:
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", page.read_text(encoding="utf-8")))
    assert named <= flags | OTHERS


def dev_commands() -> set[str]:
    loader = SourceFileLoader("dev_script_for_pages", str(ROOT / "dev"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    if spec is None:
        pytest.fail("the script ./dev could not be loaded")
    module = importlib.util.module_from_spec(spec)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = written
    return set(module.COMMANDS)


@each_page
def test_commands_of_dev_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"(?<![\w/])\./dev ([a-z]+)", text)) <= dev_commands()
    for name in re.findall(r"\./dev bench ([a-z_]+)", text):
        assert (ROOT / "benchmarks" / f"{name}.py").exists(), name


@pytest.mark.parametrize(
    ("page", "section"),
    [
        ("docs/text.md", TextConfig),
        ("docs/language_model.md", LanguageModelNetworkConfig),
        ("docs/training.md", TrainConfig),
        *(("docs/classifier.md", kind) for name, kind in ClassifierConfig.sections().items() if name in OWN),
        ("docs/labelled_data.md", ClassifierConfig.sections()["data"]),
        *(("docs/tagger.md", kind) for name, kind in TaggerConfig.sections().items() if name != "training"),
        *(("docs/transcriber.md", kind) for name, kind in TranscriberConfig.sections().items() if name != "training"),
        ("docs/transcriber.md", TranscriptSearchConfig),
        *(("docs/captioner.md", kind) for name, kind in CaptionerConfig.sections().items() if name != "training"),
        *(("docs/translator.md", kind) for name, kind in TranslatorConfig.sections().items() if name != "training"),
        ("docs/translator.md", SearchConfig),
        *(("docs/embeddings.md", kind) for name, kind in EmbeddingsConfig.sections().items() if name != "training"),
        ("docs/filler.md", FillerConfig.sections()["network"]),
        *(("docs/forecaster.md", kind) for name, kind in ForecasterConfig.sections().items() if name != "training"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_every_option_is_reported_on_its_page(page: str, section: type) -> None:
    documented = set(re.findall(r"`([a-z_]+)`|^([a-z_]+) = ", read(page), re.MULTILINE))
    words = {word for pair in documented for word in pair if word}
    missing = {field.name for field in dataclasses.fields(section)} - words
    assert not missing


def test_the_presets_are_reported() -> None:
    assert all(f"`{name}`" in read("docs/language_model.md") for name in PRESETS)


def test_cells_kernels_and_initialisers_are_reported() -> None:
    page = read("docs/cells.md")
    for name in (*cells.available(), *kernels.BACKENDS, *cells.INITIALISERS):
        assert f"`{name}`" in page, name
    for cell in (LSTM, Elman):
        for option in set(inspect.signature(cell).parameters) - {"input_size", "hidden_size", "options"}:
            assert f"`{option}`" in page, option


def tree(text: str) -> Iterator[Path]:
    """The paths of an annotated tree, four spaces a level."""
    parents: list[str] = []
    for line in text.splitlines():
        depth = (len(line) - len(line.lstrip())) // 4
        parents[depth:] = [line.split()[0]]
        yield Path(*parents)


def test_the_annotated_tree_is_the_tree() -> None:
    (block,) = [b for b in blocks_of(ROOT / "README.md") if b.language == "text" and b.content.startswith("src/")]
    documented = set(tree(block.content))
    assert all((ROOT / path).is_dir() for path in documented)
    package = ROOT / "src" / "elman"
    there = {path.parent.relative_to(ROOT) for path in package.rglob("__init__.py")}
    assert {path for path in documented if path.parts[0] == "src"} == there


def test_the_rooms_of_the_plan_are_those_of_the_contract() -> None:
    plan = read("docs/architecture.md").partition("## Layers")[2].partition("\n\n")[2].partition("\n\n")[0]
    documented = [
        {word.strip() for word in re.split(r"\s{3,}", line.strip())[0].split("|")} for line in plan.splitlines()
    ]
    contract = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"][0]["layers"]
    held = [{word.strip() for word in layer.split("|")} for layer in contract if not layer.startswith("(")]
    assert documented == held


def test_the_plan_names_files_that_are_there() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\|(.*)\|$", read("docs/architecture.md"), re.MULTILINE)
    assert len(rows) > 10
    for package, files in rows:
        for file in re.findall(r"`([\w/.]+)`", files):
            assert (ROOT / "src" / "elman" / package / file).is_file(), f"{package}/{file}"


def test_the_plan_names_classes_and_methods_that_are_there() -> None:
    defined: dict[str, set[str]] = {}
    for path in (ROOT / "src" / "elman").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                methods = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
                defined.setdefault(node.name, set()).update(methods)
    page = read("docs/architecture.md")
    dotted = set(re.findall(r"\b([A-Z]\w*[a-z]\w*)\.([a-z]\w*)\b", page)) - {("README", "md")}
    assert len(dotted) > 3
    assert [f"{name}.{method}" for name, method in dotted if method not in defined.get(name, ())] == []
    others = {
        "NamedTuple",
        "State",
        "AddressSanitizer",
        "ThreadSanitizer",
        "UndefinedBehaviorSanitizer",
    }
    words = set(re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", page)) | set(re.findall(r"`([A-Z][a-z]\w+)`", page))
    assert sorted(words - defined.keys() - others) == []


def test_the_model_folder_page_names_every_file(workplace: Path) -> None:
    (block,) = [b for b in blocks_of(ROOT / "docs" / "model_folder.md") if b.content.startswith("model/")]
    documented = {str(path.relative_to("model")) for path in tree(block.content)} - {"."}
    there = {path.name for path in (workplace / "model").iterdir()}
    assert {name.partition("/")[0] for name in documented} == there | {"tensorboard"}


def test_the_readme_installs_the_torch_that_is_pinned() -> None:
    lines = [line for block in blocks_of(ROOT / "README.md") if block.language == "sh" for line in shell_lines(block)]
    assert "pip install " + read("constraints.txt").splitlines()[-1] in lines


@each_page
def test_no_page_names_a_place_of_one_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.])/(home|root|work|tmp|Users)/", text)
    assert all(len(line) <= 120 or line.startswith(("|", "![")) for line in text.splitlines() if "](" not in line)
