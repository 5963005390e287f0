"""Writes model/testdata/association_rules.json: the rules of one consequent that
mlxtend finds in random baskets, with its metrics. Run: python association_rules.py OUT.json"""

import json
import math
import random
import sys

import pandas as pd
from mlxtend.frequent_patterns import association_rules, fpgrowth

rng = random.Random(7)
ITEMS, MIN_COUNT = 9, 6
baskets = []
for _ in range(60):
    basket = set(rng.sample(range(ITEMS), rng.choice([1, 2, 3, 5])))
    if 0 in basket:
        basket.add(1)  # a rule that never fails
    if 2 in basket and rng.random() < 0.7:
        basket.add(3)
    baskets.append(sorted(basket))
table = pd.DataFrame([[i in b for i in range(ITEMS)] for b in baskets])
sets = fpgrowth(table, min_support=MIN_COUNT / len(baskets) - 1e-9, max_len=4)
rules = association_rules(sets, metric="confidence", min_threshold=0.0)
want = []
for _, r in rules.iterrows():
    if len(r["consequents"]) == 1:
        want.append({
            "antecedents": sorted(r["antecedents"]), "consequent": min(r["consequents"]),
            "support": r["support"], "confidence": r["confidence"], "lift": r["lift"], "leverage": r["leverage"],
            "conviction": None if math.isinf(r["conviction"]) else r["conviction"],
        })
json.dump({"items": ITEMS, "min_count": MIN_COUNT, "baskets": baskets, "rules": want}, open(sys.argv[1], "w"), separators=(",", ":"))
