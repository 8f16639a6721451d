"""Adapters of elman's models to other libraries. Each module requires the library that it is named after.

scikit-learn needs no adapter: `elman.Classifier` is itself a scikit-learn estimator.
"""
