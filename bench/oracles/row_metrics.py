"""Writes eval/testdata/row_metrics.json: predictions of labelled rows judged by
scikit-learn. Run: python row_metrics.py OUT.json"""

import json
import sys

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    log_loss,
    mean_absolute_error,
    ndcg_score,
    roc_auc_score,
    root_mean_squared_error,
)

rng = np.random.default_rng(20)


def f32(x):
    return np.asarray(x, np.float32).astype(float)


def bootstrap(y, p, rounds=4000):
    """Standard error of the AUC by resampling, to hold DeLong's against."""
    values = []
    for _ in range(rounds):
        at = rng.integers(0, len(y), len(y))
        if 0 < y[at].sum() < len(y):
            values.append(roc_auc_score(y[at], p[at]))
    return float(np.std(values))


cases = []
for n in range(24):
    rows = int(rng.choice([20, 100, 400]))
    y = (rng.random(rows) < rng.choice([0.1, 0.5])).astype(int)
    y[0], y[1] = 0, 1
    p = f32(np.clip(0.3 * y + rng.random(rows) * 0.6 + 0.05, 0.01, 0.99))
    if n % 2:
        p = f32(np.round(p, 1).clip(0.05, 0.95))  # many ties
    edges = [b * rows // 10 for b in range(11)]
    order = np.argsort(p, kind="stable")
    bins = [order[edges[b] : edges[b + 1]] for b in range(10)]
    want = {
        "auc": roc_auc_score(y, p),
        "log_loss": log_loss(y, p),
        "brier": brier_score_loss(y, p),
        "accuracy": accuracy_score(y, p >= 0.5),
        "calibration_error": sum(abs(p[b].sum() - y[b].sum()) for b in bins) / rows,
    }
    case = {"measures": 0, "labels": y.tolist(), "predictions": p.tolist(), "want": want}
    if rows == 400:
        case["auc_std_err"] = bootstrap(y, p)
    cases.append(case)
for n in range(6):
    y = f32(rng.normal(size=50))
    p = f32(y + rng.normal(size=50))
    want = {"rmse": root_mean_squared_error(y, p), "mae": mean_absolute_error(y, p)}
    cases.append({"measures": 1, "labels": y.tolist(), "predictions": p.tolist(), "want": want})
for n in range(6):
    groups, labels, predictions, ndcg, auc, weight = [], [], [], [], [], []
    for g in range(20):
        size = int(rng.integers(2, 15))
        y, p = rng.integers(0, 4, size), f32(rng.random(size))
        groups += [g] * size
        labels += y.tolist()
        predictions += p.tolist()
        if y.max() > 0:
            ndcg.append(ndcg_score([2.0**y - 1], [p], k=5))
        if 0 < (y > 0).sum() < size:
            auc.append(roc_auc_score(y > 0, p))
            weight.append(size)
    want = {"ndcg@5": np.mean(ndcg), "gauc": np.average(auc, weights=weight)}
    cases.append({"measures": 2, "groups": groups, "labels": labels, "predictions": predictions, "want": want})
json.dump(cases, open(sys.argv[1], "w"), separators=(",", ":"))
