"""Airline passengers: forecast the last two years of a monthly series, and compare with baselines.

FILE is a CSV file with a month and a number in each row: the series of Box & Jenkins, 1949 to 1960. The forecast is
plotted in airline.png. Requires pandas.

usage: python examples/airline.py FILE [SECONDS]
"""

import sys

import pandas as pd

import elman

file, seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 30.0
series = pd.read_csv(file, parse_dates=[0])
known, future = series.iloc[:-24], series.iloc[-24:]

# The seasonal amplitude grows with the level; the logarithm makes it constant. In addition to the network, a linear
# autoregression reads the last 13 months: the previous month, and the same two months a year earlier.
model = elman.Forecaster(
    horizon=24,
    transform="log",
    context=24,
    autoregression=13,
    calendar=("none",),
    max_seconds=seconds,
)
model.fit(known)
forecast = model.forecast()
forecast.plot("airline.png", truth=future["Passengers"])
print(forecast.to_frame().tail(3).to_string(index=False))

# Three one-year forecasts, from origins after the training data, each from the values before its origin.
print(model.backtest(series, horizon=12, origins=3, step=6))
