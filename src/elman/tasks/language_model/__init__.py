"""Language model: generates, continues and scores text."""
