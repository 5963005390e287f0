"""Writes eval/testdata/ranking_metrics.json: random rankings judged by trec_eval
(pytrec_eval-terrier) and scikit-learn. Run: python ranking_metrics.py OUT.json"""

import json
import random
import sys

import numpy as np
import pytrec_eval
from sklearn.metrics import ndcg_score

rng = random.Random(20)
KS = [1, 5, 10, 20]
cases = []
for n in range(60):
    items = 40
    length = rng.choice([3, 10, 20, 30])
    ranked = rng.sample(range(items), length)
    relevant = sorted(rng.sample(range(items), rng.choice([1, 2, 7, 25])))
    if n % 10 == 0:  # nothing found
        relevant = sorted(set(range(items)) - set(ranked))[:5]
    qrel = {"q": {str(i): 1 for i in relevant}}
    for k in KS:
        top = ranked[:k]
        run = {"q": {str(i): float(100 - at) for at, i in enumerate(top)}}
        ks = str(k)
        got = pytrec_eval.RelevanceEvaluator(
            qrel, {f"recall.{ks}", f"P.{ks}", f"success.{ks}", f"ndcg_cut.{ks}", f"map_cut.{ks}", "recip_rank"}
        ).evaluate(run)["q"]
        truth = np.array([[1.0 if i in relevant else 0.0 for i in range(items)]])
        score = np.array([[float(100 - ranked.index(i)) if i in ranked else -1e6 - i for i in range(items)]])
        want = {
            "recall": got[f"recall_{k}"],
            "precision": got[f"P_{k}"],
            "hit_rate": got[f"success_{k}"],
            "ndcg": got[f"ndcg_cut_{k}"],
            "map_relevant": got[f"map_cut_{k}"],
            "mrr": got["recip_rank"],
        }
        if length >= k:  # scikit-learn ranks everything, so short lists differ
            assert abs(ndcg_score(truth, score, k=k) - want["ndcg"]) < 1e-9
        cases.append({"ranked": ranked, "relevant": relevant, "k": k, "want": want})
json.dump(cases, open(sys.argv[1], "w"), separators=(",", ":"))
