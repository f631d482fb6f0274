"""Luma over the time of a clip: what distinguishes a copy from another shot of the same scene.

A luma sequence is an array of shape (3, steps), eight steps a second: the mean of luma over the
picture, its spread, and its change from frame to frame. Correlations of sequences do not depend on
brightness or contrast, so bars, captions, crops and mirroring change them little.
"""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

STEPS_PER_S = 8
CHANNELS = 3
# Where the product of both spreads (squared 8-bit levels) is small against STEADY_SPREAD a sequence
# says little, and its correlation goes to NEUTRAL_AGREEMENT.
STEADY_SPREAD, NEUTRAL_AGREEMENT = 0.05, 0.5


def luma_sequence(times_s: Values, frames: Values, duration_s: float) -> Values:
    """Resample a clip's frames, shape (3, frames), to equal steps; times are from its start.

    Each frame counts for as long as it is shown.
    """
    n_steps = max(2, round(duration_s * STEPS_PER_S))
    return means_between(np.append(times_s, duration_s), frames, n_steps)


def resampled(whole: Values, n_steps: int) -> Values:
    """Resample a sequence to another number of steps."""
    if n_steps == whole.shape[1]:
        return whole
    return means_between(np.arange(whole.shape[1] + 1.0), whole, n_steps)


def means_between(edges: Values, values: Values, n_steps: int) -> Values:
    """Return means over equal steps of values between edges: shape (channels, n_steps)."""
    widths = np.diff(edges)
    total = np.cumsum(np.concatenate([np.zeros((len(values), 1)), values * widths], 1), 1)
    wanted = np.linspace(edges[0], edges[-1], n_steps + 1)
    sums = np.stack([np.interp(wanted, edges, row) for row in total])
    return np.asarray(np.diff(sums) / ((edges[-1] - edges[0]) / n_steps))


def luma_agreement(one: Values, other: Values) -> float:
    """Measure how well two sequences of equal length agree: close to 1 for equal ones."""
    return float(agreements(one, other)[0])


def agreements(part: Values, whole: Values) -> Values:
    """Measure how well a sequence agrees with each stretch of its length of a longer one.

    The mean over the channels of their correlations.
    """
    n_steps = part.shape[1]
    centred = part - part.mean(axis=1, keepdims=True)
    # Spreads come from differences of sums, which are small where values are.
    placed = whole - whole.mean(axis=1, keepdims=True)
    products = np.stack([np.correlate(w, p) for w, p in zip(placed, centred, strict=True)])
    spreads = window_spreads(placed, n_steps) * centred.std(axis=1, keepdims=True)
    return np.asarray(
        ((products / n_steps + NEUTRAL_AGREEMENT * STEADY_SPREAD) / (spreads + STEADY_SPREAD)).mean(
            axis=0
        ),
        np.float64,
    )


def window_spreads(whole: Values, n_steps: int) -> Values:
    """Return standard deviations of each stretch of `n_steps`, shape (channels, stretches)."""
    before = np.zeros((len(whole), 1))
    sums = np.cumsum(np.concatenate([before, whole], axis=1), axis=1)
    squares = np.cumsum(np.concatenate([before, whole**2], axis=1), axis=1)
    means = (sums[:, n_steps:] - sums[:, :-n_steps]) / n_steps
    mean_squares = (squares[:, n_steps:] - squares[:, :-n_steps]) / n_steps
    return np.asarray(np.sqrt(np.maximum(mean_squares - means**2, 0)))
