"""Time the Python package `mlxtend` at the frequent item sets of Online Retail.

    python mlxtend_rules.py ONLINE_RETAIL.csv.gz [--support 0.005] [--longest 3] [--algorithm fpgrowth|apriori]

Baskets are the invoices of clean sales (quantity and price above zero, known
customer, not cancelled). The table of ones and zeros that mlxtend wants is made
before the clock starts. Prints one JSON object.
"""

import argparse
import json
import resource
import time

import pandas as pd
from mlxtend.frequent_patterns import apriori, association_rules, fpgrowth


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--support", type=float, default=0.005)
    parser.add_argument("--longest", type=int, default=3)
    parser.add_argument("--algorithm", choices=["fpgrowth", "apriori"], default="fpgrowth")
    args = parser.parse_args()

    sales = pd.read_csv(args.file, dtype={"InvoiceNo": str, "StockCode": str})
    sales = sales[sales.CustomerID.notna() & (sales.Quantity > 0) & (sales.UnitPrice > 0) & ~sales.InvoiceNo.str.startswith("C")]
    table = pd.crosstab(sales.InvoiceNo, sales.StockCode).astype(bool)
    mine = fpgrowth if args.algorithm == "fpgrowth" else apriori
    start = time.perf_counter()
    sets = mine(table, min_support=args.support, max_len=args.longest)
    mined = time.perf_counter()
    rules = association_rules(sets, metric="confidence", min_threshold=0.0)
    done = time.perf_counter()
    print(json.dumps({
        "algorithm": args.algorithm, "baskets": table.shape[0], "items": table.shape[1], "sets": len(sets),
        "rules_of_one_consequent": int((rules.consequents.map(len) == 1).sum()),
        "sets_seconds": mined - start, "rules_seconds": done - mined,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }))


if __name__ == "__main__":
    main()
