"""The description of the counter."""

from elman.artifact import CardSnippet
from elman.tasks.task import DataArgument, Endpoint, Extra, Task

__all__ = ["TASK"]

TASK = Task(
    name="counter",
    package=__package__,
    model=".model:Counter",
    config=".config:CounterConfig",
    summary="A counter: how often each letter occurs in a text.",
    data=DataArgument(name="text", noun="text", help="Files of text."),
    help="Count the letters of a text.",
    examples=("train counter book.txt -o model",),
    card=CardSnippet(shell="elman guess MODEL", python="print(model.guess())"),
    files=("counts.txt",),
    extra=Extra(name="toys", packages=("json",)),
    streams=True,
    view="bars",
    facts=".model:info_facts",
    paired=".paired:paired_items",
    endpoints=(
        Endpoint(
            verb="guess",
            summary="Say which letters are likely.",
            help="Say which letters are likely, without reading anything.",
            examples=("guess model --count 3",),
            data=DataArgument(help="", several=False),
            options=".endpoints:GuessOptions",
            answer=".endpoints:guess",
        ),
        Endpoint(
            verb="evaluate",
            summary="Evaluate a model on held-out data.",
            help="A counter: nats a letter.",
            data=DataArgument(help="Files, folders or globs; - for standard input."),
            options="elman.tasks.endpoint:EvaluateOptions",
            answer=".endpoints:evaluate",
        ),
    ),
)
