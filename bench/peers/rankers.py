"""Generate labelled rows, and time and judge XGBoost and LightGBM on them.

    python rankers.py generate DIR --kind numeric|ctr|context --rows 1000000
    python rankers.py fit DIR --peer xgboost|lightgbm [--threads 2] [--leaves 31] [--rate 0.1]

`generate` writes train.csv, valid.csv and test.csv (80/10/10), and the same as
npy for the peers. `numeric` has 30 numbers, some skewed, some missing, and a
label that follows a few steps and products. `ctr` has 12 such numbers and 18
categorical columns of 4 to 100,000 categories with a long tail, a time over two
weeks, main effects, products of latent vectors of pairs of columns, a drift,
and about 4 % of positives; the rows are in order of time. `context` is a small
table of users, items and context, one-hot as libsvm, where user and item meet.

`fit` prints one JSON object: seconds of the fit (binning included), AUC and log
loss on the test rows, trees, and the peak memory of the process. Early stopping
on valid: 30 rounds.
"""

import argparse
import json
import os
import resource
import time

import numpy as np

CARDINALITIES = [4, 5, 7, 12, 24, 30, 50, 80, 120, 200, 400, 900, 2000, 5000, 10000, 20000, 50000, 100000]


def numbers(rng, rows, width):
    x = rng.normal(size=(rows, width)).astype(np.float32)
    x[:, 1::3] = np.exp(1.5 * x[:, 1::3])  # skewed
    x[:, 2::6] = np.floor(4 * np.abs(x[:, 2::6]))  # counts
    x[:, 3::5][rng.random((rows, len(range(3, width, 5)))) < 0.2] = np.nan
    return x


def effect(x):
    z = np.nan_to_num(x, nan=0.3)
    score = 0.8 * (z[:, 0] > 0.5) - 0.6 * np.sin(2 * z[:, 3]) + 0.5 * np.log1p(np.abs(z[:, 1])) * (z[:, 6] > 0)
    score += 0.7 * np.tanh(z[:, 9] * z[:, 0]) - 0.4 * np.minimum(z[:, 2], 5) / 2 + 0.5 * np.isnan(x[:, 8])
    return score


def numeric(rng, rows):
    x = numbers(rng, rows, 30)
    z = np.nan_to_num(x, nan=0.3)
    score = effect(x) + 0.6 * np.tanh(z[:, 12] * z[:, 15]) + 0.4 * (z[:, 18] > z[:, 21]) - 0.3 * np.cos(z[:, 24])
    return x, score, [f"n{k}" for k in range(30)], []


def ctr(rng, rows):
    x = numbers(rng, rows, 12)
    score = 0.6 * effect(x)
    codes, latent = [], []
    for size in CARDINALITIES:
        weight = 1 / (np.arange(size) + 2) ** 0.9
        code = rng.choice(size, rows, p=weight / weight.sum())
        score += rng.normal(0, 0.25, size)[code]
        codes.append(code)
        latent.append(rng.normal(0, 1, (size, 4)).astype(np.float32))
    for a, b, strength in [(17, 16, 0.25), (16, 11, 0.2), (17, 8, 0.2), (3, 4, 0.15), (9, 14, 0.2), (5, 10, 0.15)]:
        score += strength * (latent[a][codes[a]] * latent[b][codes[b]]).sum(1)
    when = np.sort(rng.random(rows)) * 14
    score += 0.3 * np.sin(2 * np.pi * when) + (when / 14) * rng.normal(0, 0.4, CARDINALITIES[11])[codes[11]]
    moment = np.floor(1.7e9 + when * 86400)
    columns = [x] + [c[:, None].astype(np.float32) for c in codes]
    names = [f"n{k}" for k in range(12)] + [f"c{k}_id" for k in range(len(CARDINALITIES))]
    return np.hstack(columns), score - 3.6, names, moment


def context(rng, rows):
    sizes = [1000, 4000, 7, 7, 2, 3, 9, 80, 20, 200]
    codes, score = [], np.zeros(rows)
    for size in sizes:
        weight = 1 / (np.arange(size) + 3)
        codes.append(rng.choice(size, rows, p=weight / weight.sum()))
        score += rng.normal(0, 0.5, size)[codes[-1]]
    for a, b, strength in [(0, 1, 0.6), (0, 7, 0.3), (1, 2, 0.2)]:
        u, v = rng.normal(0, 1, (sizes[a], 6)), rng.normal(0, 1, (sizes[b], 6))
        score += strength * (u[codes[a]] * v[codes[b]]).sum(1)
    return np.array(codes).T, score - 1, sizes, []


def generate(args):
    rng = np.random.default_rng(args.seed)
    x, score, names, moment = {"numeric": numeric, "ctr": ctr, "context": context}[args.kind](rng, args.rows)
    y = (rng.random(args.rows) < 1 / (1 + np.exp(-score))).astype(np.int8)
    order = np.arange(args.rows) if args.kind == "ctr" else rng.permutation(args.rows)
    os.makedirs(args.folder, exist_ok=True)
    starts = np.concatenate([[0], np.cumsum(names)[:-1]]) if args.kind == "context" else None
    for part, lo, hi in [("train", 0, 0.8), ("valid", 0.8, 0.9), ("test", 0.9, 1)]:
        at = order[int(lo * args.rows) : int(hi * args.rows)]
        if args.kind == "context":
            with open(f"{args.folder}/{part}.libsvm", "w") as f:
                for r in at:
                    f.write(str(2 * y[r] - 1) + "".join(f" {s + c}:1" for s, c in zip(starts, x[r])) + "\n")
        else:
            with open(f"{args.folder}/{part}.csv", "w") as f:
                time_name = [] if args.kind == "numeric" else ["time"]
                f.write(",".join(["label"] + names + time_name) + "\n")
                for r in at:
                    cells = ["" if v != v else f"{v:.6g}" for v in x[r].tolist()]
                    f.write(",".join([str(y[r])] + cells + [str(int(moment[r])) for _ in time_name]) + "\n")
        np.save(f"{args.folder}/{part}_x.npy", x[at].astype(np.float32))
        np.save(f"{args.folder}/{part}_y.npy", y[at])
    json.dump([k for k, n in enumerate(names) if str(n).startswith("c") or args.kind == "context"], open(f"{args.folder}/categorical.json", "w"))
    print("positives", y.mean(), "best possible log loss", float(np.mean(np.log1p(np.exp(-np.where(y, score, -score))))))


def fit(args):
    load = lambda part: (np.load(f"{args.folder}/{part}_x.npy"), np.load(f"{args.folder}/{part}_y.npy"))
    (x, y), (vx, vy), (tx, ty) = load("train"), load("valid"), load("test")
    categorical = json.load(open(f"{args.folder}/categorical.json"))
    start = time.perf_counter()
    if args.peer == "xgboost":
        import xgboost as xgb

        kinds = ["c" if k in categorical else "q" for k in range(x.shape[1])] if categorical else None
        train = xgb.QuantileDMatrix(x, y, feature_types=kinds, enable_categorical=True, nthread=args.threads)
        valid = xgb.QuantileDMatrix(vx, vy, ref=train, feature_types=kinds, enable_categorical=True, nthread=args.threads)
        model = xgb.train(
            {"objective": "binary:logistic", "tree_method": "hist", "grow_policy": "lossguide", "max_leaves": args.leaves,
             "max_depth": 0, "eta": args.rate, "nthread": args.threads, "eval_metric": "logloss", "colsample_bytree": args.columns},
            train, args.trees, [(valid, "valid")], early_stopping_rounds=30, verbose_eval=False)
        seconds, trees = time.perf_counter() - start, model.best_iteration + 1
        p = model.predict(xgb.DMatrix(tx, feature_types=kinds, enable_categorical=True), iteration_range=(0, trees))
    else:
        import lightgbm as lgb

        train = lgb.Dataset(x, y, categorical_feature=categorical, free_raw_data=True)
        valid = lgb.Dataset(vx, vy, reference=train, categorical_feature=categorical)
        model = lgb.train(
            {"objective": "binary", "num_leaves": args.leaves, "learning_rate": args.rate, "num_threads": args.threads,
             "verbose": -1, "deterministic": True, "force_row_wise": True, "metric": "binary_logloss", "feature_fraction": args.columns},
            train, args.trees, [valid], callbacks=[lgb.early_stopping(30, verbose=False)])
        seconds, trees = time.perf_counter() - start, model.best_iteration
        p = model.predict(tx)
    from sklearn.metrics import log_loss, roc_auc_score

    print(json.dumps({
        "peer": args.peer, "seconds": round(seconds, 2), "trees": trees, "auc": round(roc_auc_score(ty, p), 5),
        "log_loss": round(log_loss(ty, p), 5), "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=["generate", "fit"])
    parser.add_argument("folder")
    parser.add_argument("--kind", choices=["numeric", "ctr", "context"], default="numeric")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peer", choices=["xgboost", "lightgbm"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--leaves", type=int, default=31)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--columns", type=float, default=1)
    parser.add_argument("--trees", type=int, default=1000)
    args = parser.parse_args()
    generate(args) if args.action == "generate" else fit(args)


if __name__ == "__main__":
    main()
