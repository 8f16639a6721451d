"""Simple rules to compare networks with: counts, nearest neighbours and linear models.

Each rule is fitted on training data and predicts for new data. It is deterministic and requires only numpy. Importing
this package does not import torch.
"""
