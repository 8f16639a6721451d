"""Part-of-speech tagging of the words of a sentence.

FILES are treebanks in CoNLL-U, such as those of Universal Dependencies.

usage: python examples/pos_tags.py TRAIN_FILE VALIDATION_FILE TEST_FILE [SECONDS]
"""

import sys

import elman

train, valid, test = sys.argv[1:4]
seconds = float(sys.argv[4]) if len(sys.argv) > 4 else 300.0
tagger = elman.Tagger(max_seconds=seconds).fit(train, valid=valid)
print(f"accuracy on the words of test sentences: {tagger.evaluate(test)['accuracy']:.1%}")
for each in tagger.tag(["they can fish", "the old man the boats", "time flies like an arrow"]):
    print("  ".join(f"{word}/{tag}" for word, tag in zip(each.words, each.tags, strict=True)))
