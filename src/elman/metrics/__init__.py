"""Metrics of model outputs. Importing this package does not import torch."""
