"""Is a review of a film for it or against it, and which words say so?

A FILE has a review and its label in each line, with a tab between: `a stirring , funny film	1`.

usage: python examples/sentiment.py TRAIN_FILE VALIDATION_FILE TEST_FILE [SECONDS]
"""

import sys

import elman
from elman.plots.saliency import coloured

train, valid, test = sys.argv[1:4]
seconds = float(sys.argv[4]) if len(sys.argv) > 4 else 60.0
model = elman.Classifier(form="lines", label_first=False, max_seconds=seconds)
model.fit(train, valid=valid)
figures = model.evaluate(test)
print(f"right on {figures['examples']:,} reviews that it never saw: {figures['accuracy']:.1%}")
print(f"its probabilities are off by {figures['ece']:.1%} on average")

# Blue words spoke for the answer, orange and red ones against it; without a terminal there are marks instead.
reviews = [
    "a funny and moving film , with wonderful music .",
    "a dull and lifeless affair that goes nowhere .",
    "not a bad film , but far too long .",
]
for answer, why in zip(model.predict(reviews), model.explain(reviews), strict=True):
    print(f"{answer}: {coloured(why.pieces, why.weights, colour=sys.stdout.isatty())}")
