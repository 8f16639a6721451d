"""Airline passengers: forecast the last two years of a monthly series, and compare with simple forecasts.

FILE has a month and a number in each row: the series of Box & Jenkins, 1949 to 1960. The forecast is drawn into
airline.png. Needs pandas.

usage: python examples/airline.py FILE [SECONDS]
"""

import sys

import pandas as pd

import elman

file, seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 30.0
series = pd.read_csv(file, parse_dates=[0])
known, future = series.iloc[:-24], series.iloc[-24:]

# Its swings grow with its level: the logarithm makes them even. Beside the network a linear map reads the last 13
# months: so it has the month before, and what that month and the next one were a year ago.
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

# Three forecasts of a year, from months that the training did not see, each with nothing but what was known then.
print(model.backtest(series, horizon=12, origins=3, step=6))
