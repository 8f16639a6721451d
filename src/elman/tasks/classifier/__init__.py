"""Classifier: predicts a class or a score for each text or series."""
