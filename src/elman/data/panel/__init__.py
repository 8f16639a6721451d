"""Panels: many time series on one grid of times, from files, data frames and arrays; and what networks read of
them.

config      the options of reading and of transforming
frequency   the grid of times           (infer: found from times; calendar: features of it; times: read from text)
sources     tables, data frames and arrays as columns
read        a panel from files, data frames, arrays      (roles: which column is what; build: from columns to series)
clean       order, duplicate and missing times
static      numbers and categories of a whole series
panel       the series themselves
transform   logarithm, Box-Cox, differences and scale, undone on the way out      (fit: found from the values)
windows     series as one bank of numbers, and windows of them as batches   (lanes: one after the other; torch)
split       what of each series is trained on, and what is held out
known       what a model keeps of the series that it was trained on
forecast    how series go on: data frames, CSV, JSON

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
