"""The classic lesson: read digits row by row. Each image is a sequence of 28 rows, each row a step of 28 pixels.

150 tanh units read the rows from top to bottom; their last state goes through one product to the ten scores. Adam with
a learning rate of 0.001, 150 images a batch.

FOLDER holds MNIST's four files, as they are published: train-images-idx3-ubyte.gz and so on.

usage: python examples/mnist_rows.py FOLDER [EPOCHS]
"""

import sys
from pathlib import Path

import elman

folder, epochs = Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
model = elman.Classifier(
    cell="elman",  # tanh(W x + U h + b)
    hidden=150,
    bidirectional=False,
    pool="last",
    input_dropout=0.0,
    output_dropout=0.0,
    standardise="none",  # pixels are from 0 to 1 as they are
    batch_size=150,
    optimizer="adam",
    weight_decay=0.0,
    learning_rate=1e-3,
    schedule="constant",
    warmup_steps=0,
    max_epochs=epochs,
)
model.fit(folder / "train-images-idx3-ubyte.gz")
figures = model.evaluate(folder / "t10k-images-idx3-ubyte.gz")
print(f"right on {figures['examples']:,} test images: {figures['accuracy']:.2%}")
