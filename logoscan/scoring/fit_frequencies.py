"""A stream without labels -> what its signals can be worth at most.

A value that a share f of all listings shows cannot be more than 1/f times as frequent among counterfeits as among all.
Priors do not know how often a platform's honest listings show a signal: where sellers share photos, or every second one
is on sale, the same value says less. The stream says it, and needs no label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from logoscan.errors import InputError
from logoscan.results import Report, Score
from logoscan.scoring.credits import CREDIT
from logoscan.scoring.model import ScoreModel

__all__ = ["bounded_by_stream"]

# How far below log(1/f) a signal stays: about a third of the counterfeits show it. Chosen on drawn simulated worlds
# that no figure is reported on; between 0.6 and 1.5 the AUC there is the same within 0.002.
_MARGIN = 1.0
# Share of its prior that a signal keeps, however many listings show it: a stream may be flooded. Stated.
_LEAST_SHARE = 0.25
# Standard deviations of its number by which a share is taken to be smaller than it was seen, so that a short stream
# bounds nothing.
_DOUBT = 2.0


def bounded_by_stream(model: ScoreModel, stream: Sequence[Report | Score], *, name: str = "prior-stream") -> ScoreModel:
    """Return a model in which no signal of suspicion adds more than its frequency in a stream allows.

    Shapes only fall, so that no score rises; bias, credits and bands stay. Signals that are rare in the stream keep
    their shapes, and all keep a quarter. A short stream bounds little.

    Args:
        model: The model, such as the stated priors.
        stream: Reports of all listings, or of some that are drawn from these alike, or their scores; without labels.
        name: Name of the new model; its version adds a hash of its numbers.

    Raises:
        InputError: The stream is empty.
    """
    if not stream:
        raise InputError("stream: expected the reports of all listings, got none")
    values: dict[str, list[float]] = {}
    for one in stream:
        for part in (one.score if isinstance(one, Report) else one).contributions:
            values.setdefault(part.signal, []).append(part.value)
    shapes = dict(model.shapes)
    for signal in values.keys() & (model.shapes.keys() - CREDIT.keys()):
        shape = model.shapes[signal]
        ends = np.linspace(0.0, 1.0, len(shape)) - 0.5 / (len(shape) - 1)  # half a piece below, where it is nearest
        seen = len(values[signal]) - np.searchsorted(np.sort(values[signal]), ends[1:])
        surely = np.maximum(seen - _DOUBT * np.sqrt(seen), 0.0)
        with np.errstate(divide="ignore"):  # what is not surely there bounds nothing
            most = np.log(len(stream) / surely) - _MARGIN
        least = _LEAST_SHARE * np.asarray(shape[1:])
        # where more listings show a value, it is worth no more than a rarer, higher one: bounds rise by themselves
        shapes[signal] = (0.0, *np.minimum(shape[1:], np.maximum(most, least)).tolist())
    return replace(model, shapes=shapes, name=name)
