"""Plots of training runs, model outputs and metrics. Matplotlib is imported only when a plot is drawn."""
