"""The description of the captioner."""

from __future__ import annotations

from types import MappingProxyType

from elman.artifact.card import CardSnippet
from elman.tasks.task import DataArgument, Endpoint, Task, evaluate_endpoint, score_endpoint

__all__ = ["TASK"]

TASK = Task(
    name="captioner",
    package=__package__,
    model=".model:Captioner",
    config=".config:CaptionerConfig",
    rank=6,
    summary="A captioner: a text for a vector or an image.",
    data=DataArgument(help="Tables, arrays with their captions, or folders of images."),
    help="""Train a captioner: a text for every vector, image or map of features.

It reads tables with columns of numbers or of image files beside captions, arrays (.npy, .npz, idx) followed by a
text file with a caption a line, and folders of images with captions.csv. Ctrl-C stops the run so that
`elman train --resume MODEL` goes on.""",
    examples=(
        "train captioner digits.npy digits.txt -o model",
        "train captioner photos.csv -o model --image-size 96,128 --attention luong",
        "train captioner weather.csv -o model --vector both --tokens subwords --test may.csv",
    ),
    titles=MappingProxyType({"text": "Captions"}),
    card=CardSnippet(
        pipeline="image-to-text",
        shell="elman caption MODEL DATA",
        python='print(model.caption(pathlib.Path("DATA")))',
    ),
    endpoints=(
        Endpoint(
            verb="caption",
            summary="Write a text for every vector or image.",
            help="""Write a text for every vector or image, in their order; captions in the data are not read.

With `--n-best` above 1, a line is the item's number, a score and a caption with tabs between them.""",
            examples=(
                "caption model photo.png other.jpg",
                "caption model items.npy -o captions.txt --beams 10",
                "caption model digits.npy --attention looked.png --json",
            ),
            data=DataArgument(help="Tables, arrays, image files or folders; - for a table on standard input."),
            options=".endpoints:CaptionOptions",
            answer=".endpoints:caption",
        ),
        score_endpoint(
            help="A captioner scores the captions of items.",
            options=".endpoints:ScoreCaptionsOptions",
            answer=".endpoints:score",
        ),
        evaluate_endpoint(
            help="A captioner: the same of its captions, of all references.",
            options=".endpoints:EvaluateCaptionsOptions",
            answer=".endpoints:evaluate",
        ),
    ),
)
