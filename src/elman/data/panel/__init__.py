"""Panels of time series with one frequency, from files, data frames and arrays, and their windows as batches.

config      options for reading and transforming series
frequency   the grid of times           (infer: inference from times; calendar: calendar features; times: parsing)
sources     tables and data frames as columns    (memory: arrays and dictionaries; frame_index: the index of a frame)
read        a panel from files, data frames or arrays    (roles: column roles; build: from columns to series;
            unread_texts: columns that may have names of series)
clean       order of rows, duplicate and missing times
static      static features of a series: numbers and categories
panel       the `Panel` class
transform   invertible transforms: logarithm, Box-Cox, differences, scaling     (fit: estimation from the values)
windows     batches of windows                                  (carried_windows: with carried state; torch)
split       training and held-out parts of each series
history     training series that are stored with a model
forecast    forecasts as data frames, CSV and JSON              (zones: in the time zone of the data)

The public names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from elman.lazy import lazy_names

if TYPE_CHECKING:
    from elman.data.panel.calendar import calendar_names
    from elman.data.panel.config import PanelConfig, TransformConfig
    from elman.data.panel.fit import fit_transforms
    from elman.data.panel.frequency import Frequency
    from elman.data.panel.infer import infer_frequency
    from elman.data.panel.panel import Panel
    from elman.data.panel.read import future_from, panel_from, read_panel
    from elman.data.panel.transform import Transform

__all__ = [
    "Frequency",
    "Panel",
    "PanelConfig",
    "Transform",
    "TransformConfig",
    "calendar_names",
    "fit_transforms",
    "future_from",
    "infer_frequency",
    "panel_from",
    "read_panel",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".calendar": ("calendar_names",),
        ".config": ("PanelConfig", "TransformConfig"),
        ".fit": ("fit_transforms",),
        ".frequency": ("Frequency",),
        ".infer": ("infer_frequency",),
        ".panel": ("Panel",),
        ".read": ("future_from", "panel_from", "read_panel"),
        ".transform": ("Transform",),
    },
)
