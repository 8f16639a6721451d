"""Forecaster: predicts time series, with prediction intervals and sample paths."""
