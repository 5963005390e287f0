"""Writes model/testdata/calibration.json: predictions of labelled rows corrected
by scikit-learn. Run: python calibration.py OUT.json"""

import json
import sys

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

rng = np.random.default_rng(7)
cases = []
for n in range(12):
    rows = int(rng.choice([30, 120, 400]))
    z = rng.normal(0, 1.5, rows)
    y = (rng.random(rows) < 1 / (1 + np.exp(-(0.6 * z - 0.7)))).astype(int)
    p = np.asarray(1 / (1 + np.exp(-z)), np.float32).astype(float)
    if n % 3 == 0:
        p = np.asarray(np.round(p, 1).clip(0.05, 0.95), np.float32).astype(float)  # many ties
    w = np.asarray(rng.choice([0.5, 1, 2], rows), np.float32).astype(float) if n % 2 else np.ones(rows)
    # Platt's targets: each row counts as a share of a positive and of a negative one.
    positive, negative = w[y == 1].sum(), w[y == 0].sum()
    targets = np.where(y == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))
    odds = np.log(p / (1 - p))[:, None]
    line = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000).fit(
        np.vstack([odds, odds]), np.repeat([1, 0], rows), np.concatenate([w * targets, w * (1 - targets)]))
    steps = IsotonicRegression().fit(p, y, sample_weight=w).predict(p)
    cases.append({
        "predictions": p.tolist(), "labels": y.tolist(), "weights": w.tolist(),
        "platt": line.predict_proba(odds)[:, 1].round(7).tolist(), "isotonic": steps.round(7).tolist(),
    })
json.dump(cases, open(sys.argv[1], "w"), separators=(",", ":"))
