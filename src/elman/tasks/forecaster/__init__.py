"""The forecaster: time series in, how they go on out, with intervals and sample paths."""
