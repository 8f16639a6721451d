"""elman's models as estimators of other libraries. Each module here needs the library that it is named after.

scikit-learn needs none: `elman.Classifier` itself keeps its contract.
"""
