"""The classifier: texts or series in, a class or a score for each out."""
