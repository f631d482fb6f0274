"""Fits logistic regressions, as of the detector's confidence."""

import numpy as np
from numpy.typing import NDArray

# How much weights are held small, over the root of the number of rows.
HOLD = 0.02
ROUNDS = 60

Values = NDArray[np.float64]


def fitted(features: Values, labels: Values) -> tuple[float, ...]:
    """Fit a logistic regression by Newton's method; the constant is the last weight."""
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    rows = np.column_stack([(features - mean) / spread, np.ones(len(features))])
    hold = np.append(np.full(features.shape[1], HOLD / len(rows) ** 0.5), 1e-6)
    weights = np.zeros(rows.shape[1])
    for _ in range(ROUNDS):
        chance = 1.0 / (1.0 + np.exp(-rows @ weights))
        slope = rows.T @ (chance - labels) / len(rows) + hold * weights
        curve = (rows * (chance * (1 - chance))[:, None]).T @ rows / len(rows) + np.diag(hold)
        weights -= np.linalg.solve(curve, slope)
    own = weights[:-1] / spread
    return (*own.tolist(), float(weights[-1] - own @ mean))
