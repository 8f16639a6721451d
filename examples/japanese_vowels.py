"""Speaker recognition: nine men say two vowels; each utterance has 7 to 29 time steps with twelve features.

The series keep their lengths: nothing is cut or stretched, and padding of batches is masked.

usage: python examples/japanese_vowels.py TRAIN_FILE.ts TEST_FILE.ts [SECONDS]
"""

import sys

import elman
from elman.metrics.confusion import confusion_text

train, test = sys.argv[1:3]
seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 30.0
model = elman.Classifier(hidden_size=64, noise=0.3, learning_rate=3e-3, batch_size=32, max_seconds=seconds)
model.fit(train)
figures = model.evaluate(test)
print(f"accuracy on {figures['examples']:,} test utterances: {figures['accuracy']:.1%}")
print(confusion_text(figures["confusion"], list(model.classes_)))
