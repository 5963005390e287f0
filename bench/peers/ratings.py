"""Time and judge the Python package Surprise on a file of ratings.

    python ratings.py FILE [--model svd|svdpp] [--epochs 20] [--factors 100]
    python ratings.py FILE --generate

FILE holds user, item, rating and perhaps time, separated by tabs. A fifth of
the rows, every fifth, is the test. Prints one JSON object: seconds of the fit
alone, RMSE and MAE, and the peak of resident memory in MB. --generate writes
FILE instead: some 800,000 ratings from 1 to 5 of 4,000 items by 6,000 users,
with a long tail, biases, eight factors and noise.
"""

import argparse
import json
import resource
import time

import numpy as np
from surprise import SVD, Dataset, Reader, SVDpp, accuracy


def generate(path, users=6000, items=4000, draws=1_300_000, factors=8):
    dice = np.random.default_rng(1)
    active, popular = dice.pareto(1.2, users) + 1, 1 / (np.arange(items) + 20)
    user = dice.choice(users, draws, p=active / active.sum())
    item = dice.choice(items, draws, p=popular / popular.sum())
    pairs = dice.permutation(np.unique(user * items + item))[:1_000_000]
    user, item = pairs // items, pairs % items
    p, q = dice.normal(size=(users, factors)) * 0.5, dice.normal(size=(items, factors)) * 0.5
    x = 3.6 + dice.normal(size=users)[user] * 0.4 + dice.normal(size=items)[item] * 0.4
    x += (p[user] * q[item]).sum(1) + dice.normal(size=len(user)) * 0.8
    with open(path, "w") as out:
        for row in zip(user, item, np.clip(np.round(x), 1, 5).astype(int)):
            out.write("%d\t%d\t%d\n" % row)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--model", choices=["svd", "svdpp"], default="svd")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--factors", type=int, default=100)
    parser.add_argument("--generate", action="store_true")
    args = parser.parse_args()
    if args.generate:
        generate(args.file)
        return

    with open(args.file) as lines:
        rows = [line.split("\t")[:3] for line in lines]
    rows = [(user, item, float(rating), None) for user, item, rating in rows]
    train = [row for k, row in enumerate(rows) if k % 5]
    test = [row[:3] for k, row in enumerate(rows) if k % 5 == 0]
    ratings = [row[2] for row in train]
    data = Dataset(Reader(rating_scale=(min(ratings), max(ratings))))
    trainset = data.construct_trainset(train)

    kind = {"svd": SVD, "svdpp": SVDpp}[args.model]
    algorithm = kind(n_factors=args.factors, n_epochs=args.epochs, random_state=1)
    start = time.perf_counter()
    algorithm.fit(trainset)
    seconds = time.perf_counter() - start
    predictions = algorithm.test(test)
    print(
        json.dumps(
            {
                "model": args.model,
                "seconds": round(seconds, 3),
                "rmse": round(accuracy.rmse(predictions, verbose=False), 4),
                "mae": round(accuracy.mae(predictions, verbose=False), 4),
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
