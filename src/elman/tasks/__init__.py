"""The tasks: from data to a model to answers."""
