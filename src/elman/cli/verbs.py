"""The commands that use a trained model: one for each verb, made from the endpoints of the tasks that have it.

torch is imported only when a model is opened.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

from elman.cli.flags import INPUT, command, flag_of, flags_class, given, help_text
from elman.cli.model_folder import check_answer_file
from elman.cli.output import StageProgress, print_json, remark
from elman.data.bad_rows import bad_rows_of
from elman.display import with_article
from elman.errors import ConfigError, ElmanError
from elman.options import fill_flat, flat_fields
from elman.tasks import registry
from elman.tasks.endpoint import Call, EndpointCallbacks, EndpointOptions, Screen
from elman.tasks.task import Endpoint, Task

__all__ = ["make_command", "verbs"]

_MODEL = Annotated[Path, Parameter(help="The model's folder.")]
_JSON = Annotated[bool, Parameter(negative="", show_default=False, help="Print the result as JSON.")]
_QUIET = Annotated[
    bool,
    Parameter(name=["--quiet", "-q"], negative="", show_default=False, help="Show no progress or remarks."),
]


def verbs(words: Sequence[str], others: Container[str]) -> dict[str, list[tuple[Task, Endpoint]]]:
    """Return every verb with the tasks that have it.

    words   the command line; it may name a model whose task is of another package
    others  commands that are not verbs
    """
    tasks = list(registry.built_in().values())
    if words and words[0] not in others:
        tasks += [task for word in words[1:] if (task := _task_of_others(word)) is not None]
    found: dict[str, list[tuple[Task, Endpoint]]] = {}
    for each in tasks:
        for endpoint in each.endpoints:
            found.setdefault(endpoint.verb, []).append((each, endpoint))
    return found


def _task_of_others(word: str) -> Task | None:
    """Return the task of the model in the folder `word` if it is of another package, otherwise None."""
    if word.startswith("-") or not os.path.isfile(os.path.join(word, "elman.json")):
        return None
    try:
        task = registry.task_of(word)
    except ElmanError:
        return None  # opening the model reports the error
    return None if task.name in registry.built_in() else task


def make_command(verb: str, offers: Sequence[tuple[Task, Endpoint]]) -> Callable[..., None]:
    """Make the function of the command `verb`."""
    first = offers[0][1]
    data = first.data
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD if first.model_option else inspect.Parameter.POSITIONAL_ONLY
    parameters = [inspect.Parameter("model", kind, annotation=_MODEL)]
    name = data.name.replace("-", "_")
    if data.several:
        files = Annotated[str, INPUT, Parameter(help=data.help)]
        parameters.append(inspect.Parameter(name, inspect.Parameter.VAR_POSITIONAL, annotation=files))
    elif data.help:
        file = Annotated[str | None, INPUT, Parameter(help=data.help)]
        parameters.append(inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY, annotation=file, default=None))
    flags, switches = _flags(verb, offers)
    keywords = (
        ("flags", flags, None),
        ("json", _JSON, False),
        ("quiet", _QUIET, False),
    )
    for keyword, annotation, default in keywords:
        parameters.append(
            inspect.Parameter(keyword, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
        )

    def run(arguments: dict[str, Any]) -> None:
        files = arguments.get(name)
        answer(
            verb,
            offers,
            arguments["model"],
            () if files is None else tuple(files) if data.several else (files,),
            {key: value for key, value in given(arguments["flags"]).items() if switches.get(key) is not value},
            as_json=arguments["json"],
            quiet=arguments["quiet"],
        )

    text = " ".join(each.help for _, each in offers)
    examples = [example for _, each in offers for example in each.examples]
    return command(verb, parameters, help_text(text, examples), run)


def _flags(verb: str, offers: Sequence[tuple[Task, Endpoint]]) -> tuple[Any, dict[str, bool]]:
    """Return the flags of all tasks that have the verb, each once, and the defaults of its switches."""
    found: dict[str, Any] = {}
    switches: dict[str, bool] = {}
    for task, endpoint in offers:
        options = task.load(endpoint.options)
        defaults = options()
        for name, (field, hint, section) in flat_fields(options).items():
            if name not in found:
                group = Group(section.capitalize(), sort_key=2) if section else None
                default = getattr(getattr(defaults, section) if section else defaults, name)
                if hint is bool and not section:
                    switches[name] = default
                found[name] = flag_of(name, field, hint, default, group=group, negative=bool(section))
    flags = [(name, annotation, switches.get(name)) for name, annotation in found.items()]
    return flags_class(verb.capitalize(), flags) | None, switches


def _repeat_verdict(model: Any, show_remark: Callable[[str], None]) -> None:
    """Show the sentence that ended the training run, if the folder has one."""
    verdict = getattr(model, "metrics", {}).get("verdict")
    if isinstance(verdict, dict) and isinstance(verdict.get("sentence"), str):
        show_remark(f"when this model was trained: {verdict['sentence']}")


def answer(
    verb: str,
    offers: Sequence[tuple[Task, Endpoint]],
    model: Path,
    files: tuple[str, ...],
    values: Mapping[str, Any],
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Open a model, run the endpoint of `verb`, and print or save the answer."""
    task, endpoint = offers[0]
    if len(offers) > 1:
        task = registry.task_of(model, verb=verb)
        endpoint = task.endpoint(verb) or endpoint
    kind = task.load(endpoint.options)
    own = flat_fields(kind)
    for name, value in values.items():
        if name not in own:
            raise ConfigError(
                f"expected no --{name.replace('_', '-')} for {with_article(task.title)}. Received: {value}"
            )
    options: EndpointOptions = fill_flat(kind, values, "the command line")
    options.check(files, Call(as_json, frozenset(values)))
    output: Path | None = getattr(options, "output", None)
    check_answer_file(output)
    show_remark = (lambda sentence: None) if quiet else remark
    with StageProgress(quiet=quiet) as progress:
        opened = registry.load_as(task.name, model, reading=options.reading(), progress=progress)
        callbacks = EndpointCallbacks(progress, show_remark)
        # Predictions answer for every row; an evaluation leaves bad rows out as training does.
        section = getattr(opened.config, "data", None) if verb == "evaluate" else None
        with bad_rows_of(section) as bad:
            found = task.load(endpoint.answer)(opened, files, options, callbacks)
        for note in bad.remarks:
            show_remark(note)
        if getattr(options, "baseline", False):
            from elman.tasks.evaluation import ComparedAnswer, compare_on

            found = ComparedAnswer(found, compare_on(opened, model, files, progress=progress))
        elif verb == "evaluate":
            _repeat_verdict(opened, show_remark)
    if output is not None and found.save(output, as_json=as_json, remark=show_remark):
        return
    if as_json:
        print_json(found.to_json())
        return
    terminal = sys.stdout.isatty()
    for piece in found.to_text(Screen(terminal, terminal and not os.environ.get("NO_COLOR"))):
        sys.stdout.write(piece)
        sys.stdout.flush()
