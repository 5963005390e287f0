"""Generate labelled rows, and time and judge rankers of other packages on them.

    python rankers.py generate DIR --kind numeric|ctr|context --rows 1000000 [--text]
    python rankers.py fit DIR --peer xgboost|lightgbm [--leaves 31] [--rate 0.1] [--trees 1000] [--patience 30]
    python rankers.py fit DIR --peer vw|xlearn-linear|xlearn-fm|xlearn-ffm --epochs 5 [--rate 0.2] [--factors 16]
    go run ./bench/fit -rows DIR -model gbdt:learn_rate=0.1

`generate` writes train, valid and test (80/10/10) as npy, and with --text as CSV,
or libsvm, too. `numeric` has 30 numbers, some skewed, some missing, and a
label that follows a few steps and products. `ctr` has 12 such numbers and 18
categorical columns of 4 to 100,000 categories with a long tail, a time over two
weeks, main effects, products of latent vectors of pairs of columns, a drift,
and about 4 % of positives; the rows are in order of time. `context` is a small
table of users, items and context, one-hot as libsvm, where user and item meet.

`fit` prints one JSON object, as bench/fit does: seconds of the fit (binning
included, and parsing for xlearn, which reads text only) on the wall and of
processors, peak memory of the process when predictions are made, log loss and
AUC. With --target it tells when the validation loss first came down to it;
--order puts the training rows in another order. Of the last three peers, which
take categories, requirements-xlearn.txt has xlearn.
"""

import argparse
import contextlib
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
        if args.kind == "context" and args.text:
            with open(f"{args.folder}/{part}.libsvm", "w") as f:
                for r in at:
                    f.write(str(2 * y[r] - 1) + "".join(f" {s + c}:1" for s, c in zip(starts, x[r])) + "\n")
        elif args.text:
            with open(f"{args.folder}/{part}.csv", "w") as f:
                time_name = [] if args.kind == "numeric" else ["time"]
                f.write(",".join(["label"] + names + time_name) + "\n")
                for r in at:
                    cells = ["" if v != v else f"{v:.6g}" for v in x[r].tolist()]
                    f.write(",".join([str(y[r])] + cells + [str(int(moment[r])) for _ in time_name]) + "\n")
        np.save(f"{args.folder}/{part}_x.npy", x[at].astype(np.float32))
        np.save(f"{args.folder}/{part}_y.npy", y[at].astype(np.float32)[:, None])
    json.dump([k for k, n in enumerate(names) if str(n).startswith("c") or args.kind == "context"], open(f"{args.folder}/categorical.json", "w"))
    print("positives", y.mean(), "best possible log loss", float(np.mean(np.log1p(np.exp(-np.where(y, score, -score))))))


class Watch:
    """Seconds on the wall and of processors, and when a loss was first reached."""

    def __init__(self, target):
        self.wall, self.processor, self.target, self.reached = time.perf_counter(), time.process_time(), target, None

    def used(self):
        return {"seconds": time.perf_counter() - self.wall, "processor_seconds": time.process_time() - self.processor}

    def saw(self, epochs, loss):
        if self.target and self.reached is None and loss <= self.target:
            self.reached = {"epochs": epochs, **self.used()}


def fit_xgboost(args, train, valid, test, categorical):
    import xgboost as xgb

    class Told(xgb.callback.TrainingCallback):
        def after_iteration(self, model, epoch, evals_log):
            watch.saw(epoch + 1, evals_log["valid"]["logloss"][-1])
            return False

    watch, width = Watch(args.target), train[0].shape[1]
    kinds = ["c" if k in categorical else "q" for k in range(width)] if categorical else None
    rows = xgb.QuantileDMatrix(*train, feature_types=kinds, enable_categorical=True, nthread=args.threads, max_bin=args.bins)
    held = xgb.QuantileDMatrix(*valid, ref=rows, feature_types=kinds, enable_categorical=True, nthread=args.threads, max_bin=args.bins)
    model = xgb.train(
        {"objective": "binary:logistic", "tree_method": "hist", "grow_policy": "lossguide", "max_leaves": args.leaves, "max_depth": 0,
         "eta": args.rate, "nthread": args.threads, "eval_metric": "logloss", "colsample_bytree": args.columns, "max_bin": args.bins,
         "seed": args.model_seed},
        rows, args.trees, evals=[(held, "valid")], early_stopping_rounds=args.patience or None, verbose_eval=False, callbacks=[Told()])
    used, trees = watch.used(), model.best_iteration + 1 if args.patience else args.trees
    predict = lambda x: model.predict(xgb.DMatrix(x, feature_types=kinds, enable_categorical=True), iteration_range=(0, trees))
    return used, watch.reached, trees, predict(valid[0]), predict(test[0])


def fit_lightgbm(args, train, valid, test, categorical):
    import lightgbm as lgb

    watch = Watch(args.target)
    rows = lgb.Dataset(*train, categorical_feature=categorical, free_raw_data=True, params={"max_bin": args.bins})
    held = lgb.Dataset(*valid, reference=rows, categorical_feature=categorical)
    told = [lambda env: watch.saw(env.iteration + 1, env.evaluation_result_list[0][2])]
    if args.patience:
        told.append(lgb.early_stopping(args.patience, verbose=False))
    model = lgb.train(
        {"objective": "binary", "num_leaves": args.leaves, "learning_rate": args.rate, "num_threads": args.threads, "max_bin": args.bins,
         "verbose": -1, "deterministic": True, "force_row_wise": True, "metric": "binary_logloss", "feature_fraction": args.columns,
         "seed": args.model_seed, **json.loads(args.settings)},
        rows, args.trees, [held], callbacks=told)
    trees = model.best_iteration if args.patience else args.trees
    return watch.used(), watch.reached, trees, model.predict(valid[0]), model.predict(test[0])


def fit_vw(args, train, valid, test, categorical):
    """Vowpal Wabbit, logistic loss, every pair of columns crossed with --crosses; numbers go in 32 equally full buckets."""
    import vowpalwabbit as vw

    cuts = {c: np.unique(np.nanquantile(train[0][:, c], np.arange(1, 32) / 32)) for c in range(train[0].shape[1]) if c not in categorical}

    def lines(x, y):
        x = x.copy()
        for c, edges in cuts.items():
            x[:, c] = np.where(np.isnan(x[:, c]), 99, np.searchsorted(edges, x[:, c]))
        codes = x.astype(int).tolist()
        names = [chr(ord("A") + c) for c in range(x.shape[1])]
        return [f"{2 * int(label) - 1} " + " ".join(f"|{n} {v}" for n, v in zip(names, row)) for row, label in zip(codes, y)]

    model = vw.Workspace(f"--loss_function logistic --link logistic -b 22 -l {args.rate} --quiet" + (" --interactions ::" if args.crosses else ""))
    parsed = [model.parse(line) for line in lines(*train)]
    watch = Watch(args.target)
    for _ in range(args.trees):
        for example in parsed:
            model.learn(example)
    used = watch.used()
    predict = lambda x: np.array([model.predict(line) for line in lines(x, np.zeros(len(x)))])
    return used, watch.reached, args.trees, predict(valid[0]), predict(test[0])


def fit_xlearn(args, train, valid, test, categorical):
    """xLearn from text files as it reads them; its time includes the reading."""
    os.environ.setdefault("USER", "somebody")  # it aborts without
    import xlearn as xl

    sizes = [int(train[0][:, c].max()) + 1 for c in categorical]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    paths = []
    for name, (x, y) in zip(["train", "valid", "test"], [train, valid, test]):
        paths.append(f"{args.folder}/{name}.{os.getpid()}.ffm")
        with open(paths[-1], "w") as f:
            for row, label in zip(x.astype(int).tolist(), y):
                f.write(f"{int(label)} " + " ".join(f"{c}:{starts[c] + min(v, sizes[c] - 1)}:1" for c, v in enumerate(row)) + "\n")
    model = {"xlearn-linear": xl.create_linear, "xlearn-fm": xl.create_fm, "xlearn-ffm": xl.create_ffm}[args.peer]()
    model.setTrain(paths[0])
    model.setQuiet()
    model.disableNorm() if args.peer != "xlearn-ffm" else None
    watch = Watch(args.target)
    model.fit({"task": "binary", "lr": args.rate, "lambda": args.penalty, "k": args.factors, "epoch": args.trees, "nthread": args.threads,
               "opt": "adagrad"}, f"{args.folder}/xlearn.model")
    used, found = watch.used(), []
    for path in paths[1:]:
        model.setTest(path)
        model.setSigmoid()
        model.predict(f"{args.folder}/xlearn.model", f"{args.folder}/xlearn.out")
        found.append(np.loadtxt(f"{args.folder}/xlearn.out"))
    for path in paths:
        for made in (path, path + ".bin"):
            if os.path.exists(made):
                os.remove(made)
    return used, watch.reached, args.trees, *found


def fit(args):
    load = lambda part: (np.load(f"{args.folder}/{part}_x.npy"), np.load(f"{args.folder}/{part}_y.npy").ravel())
    train, valid, test = load("train"), load("valid"), load("test")
    if args.order:
        order = np.random.default_rng(args.order).permutation(len(train[1]))
        train = train[0][order], train[1][order]
    categorical = json.load(open(f"{args.folder}/categorical.json"))
    with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
        used, reached, trees, held, tested = globals()["fit_" + args.peer.partition("-")[0]](args, train, valid, test, categorical)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    from sklearn.metrics import log_loss, roc_auc_score

    print(json.dumps({
        "model": args.peer, "threads": args.threads, "fit_seconds": used["seconds"], "processor_seconds": used["processor_seconds"],
        "peak_mb": peak, "rows": len(train[1]), "epochs": trees, "valid_log_loss": log_loss(valid[1], held),
        "log_loss": log_loss(test[1], tested), "auc": roc_auc_score(test[1], tested), "reached": reached,
    }))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=["generate", "fit"])
    parser.add_argument("folder")
    parser.add_argument("--kind", choices=["numeric", "ctr", "context"], default="numeric")
    parser.add_argument("--text", action="store_true")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peer", choices=["xgboost", "lightgbm", "vw", "xlearn-linear", "xlearn-fm", "xlearn-ffm"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--leaves", type=int, default=31)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--columns", type=float, default=1)
    parser.add_argument("--trees", "--epochs", type=int, default=1000)
    parser.add_argument("--bins", type=int, default=255)
    parser.add_argument("--patience", type=int, default=30)
    parser.add_argument("--target", type=float, default=0)
    parser.add_argument("--order", type=int, default=0)
    parser.add_argument("--model-seed", type=int, default=0)
    parser.add_argument("--settings", default="{}")
    parser.add_argument("--factors", type=int, default=16)
    parser.add_argument("--penalty", type=float, default=2e-5)
    parser.add_argument("--crosses", action="store_true")
    args = parser.parse_args()
    generate(args) if args.action == "generate" else fit(args)


if __name__ == "__main__":
    main()
