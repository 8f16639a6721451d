"""Task description of the classifier."""

from __future__ import annotations

from elman.artifact.card import CardSnippet
from elman.tasks.task import DataArgument, Endpoint, Task, evaluate_endpoint

__all__ = ["TASK"]

TASK = Task(
    name="classifier",
    package=__package__,
    model=".model:Classifier",
    paired=".paired:paired_items",
    config=".config:ClassifierConfig",
    rank=2,
    summary="Classifier of texts or series, or regression to a number.",
    data=DataArgument(
        help="Files, folders or globs; - for standard input. `.gz` files are decompressed.",
        toml="such as `hidden_size = 512`",
    ),
    help="""Train a classifier of texts or series, or with `--kind regression` a regression to one number.

`--max-steps`, `--max-epochs` or `--max-seconds` replace the preset's number of steps. Ctrl-C saves a checkpoint and
stops; `elman train --resume MODEL` continues.""",
    examples=(
        "train classifier reviews.csv -o model",
        "train classifier names/ -o model --tokens characters",
        "train classifier train.ts --valid valid.ts --test test.ts -o model --cell lstm",
        "train classifier reviews.csv -o model --kind regression --label-column stars",
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
            summary="Predict the class or number of texts or series.",
            help="""Predict the class, or with a regression the number, of texts or series.

Each line of standard input is a text, and is classified as soon as it is read. `--explain` marks every word with its
contribution for or against the prediction (gradient x input).""",
            examples=(
                'predict model --text "a delight from start to end" --explain',
                "predict model new.csv -o answers.csv --proba",
                "tail -f log.txt | elman predict model -",
                "predict model test.ts --picture mattered.png",
            ),
            data=DataArgument(help="Files or folders, like the training data; - for lines of standard input."),
            options=".endpoints:PredictOptions",
            answer=".endpoints:predict",
        ),
        evaluate_endpoint(
            help="Classifiers: accuracy, F1, calibration, a report for each class, and the confusion matrix, which "
            "`--picture` plots; for a regression, its errors.",
            examples=("evaluate sentiment test.csv --picture confusion.png",),
            options=".endpoints:EvaluateClassesOptions",
            answer=".endpoints:evaluate",
        ),
    ),
)
