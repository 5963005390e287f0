"""Time and judge the Python package Surprise on a file of ratings.

    python ratings.py FILE [--model svd|svdpp] [--epochs 20] [--factors 100]

FILE holds user, item, rating and perhaps time, separated by tabs. A fifth of
the rows, every fifth, is the test. Prints one JSON object: seconds of the fit
alone, RMSE and MAE, and the peak of resident memory in MB.
"""

import argparse
import json
import resource
import time

from surprise import SVD, Dataset, Reader, SVDpp, accuracy


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--model", choices=["svd", "svdpp"], default="svd")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--factors", type=int, default=100)
    args = parser.parse_args()

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
