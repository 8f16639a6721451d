"""The description of the classifier."""

from __future__ import annotations

from elman.artifact.card import CardSnippet
from elman.tasks.task import DataArgument, Endpoint, Task, evaluate_endpoint

__all__ = ["TASK"]

TASK = Task(
    name="classifier",
    package=__package__,
    model=".model:Classifier",
    config=".config:ClassifierConfig",
    rank=2,
    summary="A classifier of texts or series; or a score for each.",
    data=DataArgument(
        help="Files, folders or globs; - for standard input. `.gz` is read as it is.", toml="such as `hidden = 512`"
    ),
    help="""Train a classifier of texts or series, or with `--kind score` a regression to one number.

`--max-steps`, `--max-epochs` or `--max-seconds` take the place of the preset's number of steps. Ctrl-C stops the
run so that `elman train --resume MODEL` goes on.""",
    examples=(
        "train classifier reviews.csv -o model",
        "train classifier names/ -o model --tokens characters",
        "train classifier train.ts --valid valid.ts --test test.ts -o model --cell lstm",
        "train classifier reviews.csv -o model --kind score --label-column stars --max-seconds 300",
    ),
    card=CardSnippet(
        pipeline="text-classification",
        shell="elman predict MODEL DATA",
        python='print(model.predict(pathlib.Path("DATA")))',
    ),
    files=("confusion.png",),
    facts=".endpoints:info_facts",
    endpoints=(
        Endpoint(
            verb="predict",
            summary="Tell the class or score of texts or series.",
            help="""Tell the class, or the score, of texts or series.

Lines of standard input are answered as they come; each is a text. With `--explain` every word is marked by
gradient x input: what spoke for the answer, and what against it.""",
            examples=(
                'predict model --text "a delight from start to end" --explain',
                "predict model new.csv -o answers.csv --proba",
                "tail -f log.txt | elman predict model -",
                "predict model test.ts --picture mattered.png",
            ),
            data=DataArgument(help="Files or folders, read as the training data was; - for lines of standard input."),
            options=".endpoints:PredictOptions",
            answer=".endpoints:predict",
        ),
        evaluate_endpoint(
            help="A classifier: accuracy and F1, how far its probabilities can be trusted, a report by class and the "
            "confusion matrix, which `--picture` draws; of scores, their errors.",
            examples=("evaluate sentiment test.csv --picture confusion.png",),
            options=".endpoints:EvaluateClassesOptions",
            answer=".endpoints:evaluate",
        ),
    ),
)
