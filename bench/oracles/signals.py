"""Writes dataset/testdata/signals.json: BM25 and TF-IDF weights by implicit, the
confidences of Hu et al. by numpy, and ratings normalised by scipy and numpy.
Run: python signals.py OUT.json"""

import json
import sys

import numpy as np
from implicit.nearest_neighbours import bm25_weight, tfidf_weight
from scipy.sparse import csr_matrix
from scipy.stats import percentileofscore, zscore

rng = np.random.default_rng(20)
matrices = []
for n in range(12):
    users, items = int(rng.integers(2, 9)), int(rng.integers(1, 7))
    dense = np.where(rng.random((users, items)) < 0.5, rng.integers(1, 30, (users, items)) / 4, 0)
    dense[0, 0] = 2  # nobody is without an item where one says so
    dense[:, -1] = 1  # everyone has it: a negative idf in implicit
    rows = csr_matrix(dense)
    k1, b = [(100, 0.8), (1.2, 0.75), (5, 1)][n % 3]
    alpha, epsilon = [(40, 1), (2.5, 0.1)][n % 2]
    weights = {
        "bm25": np.maximum(0, bm25_weight(rows, k1, b).toarray()),
        "tfidf": np.maximum(0, tfidf_weight(rows).toarray()),
        "linear": np.where(dense > 0, 1 + alpha * dense, 0),
        "log": np.where(dense > 0, 1 + alpha * np.log(1 + dense / epsilon), 0),
    }
    matrices.append(
        {
            "x": dense.tolist(), "k1": k1, "b": b, "alpha": alpha, "epsilon": epsilon,
            "want": {name: w.tolist() for name, w in weights.items()},
        }
    )
raters = []
for n in range(12):
    ratings = (rng.integers(1, 11, [1, 2, 3, 8, 30][n % 5]) / 2).tolist()
    if n >= 10:
        ratings = [4.5] * (n - 8)
    constant = len(set(ratings)) == 1
    raters.append(
        {
            "ratings": ratings,
            "want": {
                "mean": (np.array(ratings) - np.mean(ratings)).tolist(),
                "zscore": [0.0] * len(ratings) if constant else zscore(ratings).tolist(),
                "quantile": [2 * percentileofscore(ratings, r, kind="mean") / 100 - 1 for r in ratings],
            },
        }
    )
json.dump({"matrices": matrices, "raters": raters}, open(sys.argv[1], "w"), separators=(",", ":"))
