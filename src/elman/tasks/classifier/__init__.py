"""Classifier: predicts a class or a number for each text or series."""
