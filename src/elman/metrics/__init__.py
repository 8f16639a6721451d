"""Figures: how good answers are. Imports no torch and draws nothing."""
