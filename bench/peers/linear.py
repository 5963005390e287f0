"""Time and judge SLIM, EASE, PureSVD, GF-CF and NMF by scikit-learn, NumPy and SciPy.

    python linear.py split DATA DIR                # DATA: gowalla_m1, s3rec-beauty or ml-100k, with what is in it
    python linear.py fit DIR --model slim|ease|ease-cholesky|puresvd|puresvd-arpack|gfcf|gfcf-arpack|nmf|nmf-mu
                             [--l1 1] [--l2 100] [--factors 128] [--epochs 50] [--sample N] [--unjudged]

split writes DIR/train.txt and DIR/valid.txt, a user and its items a line, for
this script and for bench/fit: of a time-ordered set the last item but one
validates and the last, which is for tests, is left out; of Gowalla's training
lists the last tenth validates, and the test file is not read.

fit learns from ones and zeros. slim is ElasticNet for one item after the other,
in as many processes as threads; --sample takes so many items, evenly spread, and
extrapolates. ease is numpy.linalg.inv, ease-cholesky LAPACK's potrf and potri in
place. puresvd is randomized_svd with five iterations, puresvd-arpack is svds.
gfcf is the authors' code in SciPy
with randomized_svd, gfcf-arpack with svds. nmf is scikit-learn's coordinate
descent from nndsvda, nmf-mu its multiplicative updates.
Times are those of the fit, reading left out, and of all lists; the peak is that of the process,
reading included, and of the larger one for slim. Prints one JSON object.
"""

import argparse
import gzip
import json
import multiprocessing
import os
import resource
import time
import warnings

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_info, threadpool_limits

TOP = 20


def split(source, folder):
    def lines(name):
        with gzip.open(os.path.join(source, name), "rt") as rows:
            return [line.split() for line in rows]

    files = os.listdir(source)
    if "u.data.gz" in files:
        rated = sorted(lines("u.data.gz"), key=lambda row: int(row[3]))
        histories = {}
        for user, item, *_ in rated:
            histories.setdefault(user, []).append(item)
        parts = [(user, items[:-2], items[-2:-1]) for user, items in histories.items()]
    elif "Beauty.txt.gz" in files:
        parts = [(user, items[:-2], items[-2:-1]) for user, *items in lines("Beauty.txt.gz")]
    else:
        parts = [(user, items[: -(len(items) // 10)] if len(items) > 9 else items, items[len(items) - len(items) // 10 :])
                 for user, *items in lines("train.txt.gz")]
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "train.txt"), "w") as train, open(os.path.join(folder, "valid.txt"), "w") as valid:
        for user, known, held in parts:
            print(user, *known, file=train)
            if held:
                print(user, *held, file=valid)


def read(folder):
    users, items, parts = {}, {}, []
    for name in ["train.txt", "valid.txt"]:
        rows, cols = [], []
        with open(os.path.join(folder, name)) as lines:
            for line in lines:
                user, *row = line.split()
                rows += [users.setdefault(user, len(users))] * len(row)
                cols += [items.setdefault(item, len(items)) for item in row]
        parts.append((rows, cols))
    return [sp.csr_matrix((np.ones(len(rows), np.float32), (rows, cols)), (len(users), len(items))) for rows, cols in parts]


def slim_items(job):
    """Fit the weights of some items. Each process changes a copy of its own."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # at 100 sweeps, as is common
    train, chosen, l1, l2 = job
    x = train.tocsc()
    rows, cols, weights = [], [], []
    # scikit-learn divides the squares by the number of rows.
    net = ElasticNet(alpha=(l1 + l2) / x.shape[0], l1_ratio=l1 / (l1 + l2), positive=True, fit_intercept=False,
                     copy_X=False, max_iter=100, tol=1e-4, selection="cyclic")
    for j in chosen:
        span = slice(x.indptr[j], x.indptr[j + 1])
        target = np.zeros(x.shape[0], np.float32)
        target[x.indices[span]] = x.data[span]
        kept, x.data[span] = x.data[span].copy(), 0
        net.fit(x, target)
        x.data[span] = kept
        found = net.sparse_coef_.tocoo()
        rows.append(found.col)
        cols.append(np.full(found.nnz, j))
        weights.append(found.data)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return tuple(map(np.concatenate, (rows, cols, weights))), used.ru_maxrss


def slim(train, args):
    items = train.shape[1]
    chosen = np.linspace(0, items - 1, args.sample or items).astype(int)
    with multiprocessing.get_context("fork").Pool(args.threads) as pool:
        jobs = [(train, part, args.l1, args.l2) for part in np.array_split(chosen, args.threads * (1 if args.sample else 8))]
        parts, peaks = zip(*pool.imap_unordered(slim_items, jobs))
        pool.close()
        pool.join()
    rows, cols, weights = (np.concatenate(part) for part in zip(*parts))
    b = sp.csr_matrix((weights, (rows, cols)), (items, items))
    return (lambda x: (x @ b).toarray()), max(peaks), items / len(chosen)


def ease(train, args):
    g = (train.T @ train).toarray()
    g[np.diag_indices_from(g)] += args.l2
    if args.model == "ease":
        g = np.linalg.inv(g)
    else:
        factor, _ = scipy.linalg.lapack.spotrf(g.T, lower=0, overwrite_a=1, clean=0)
        g, _ = scipy.linalg.lapack.spotri(factor, lower=0, overwrite_c=1)
        for j in range(len(g)):  # the lower triangle from the upper one
            g[j + 1 :, j] = g[j, j + 1 :]
    g /= -np.diag(g)
    np.fill_diagonal(g, 0)
    return (lambda x: x @ g), 0, 1


def puresvd(train, args):
    if args.model == "puresvd":
        _, _, vt = randomized_svd(train, args.factors, n_oversamples=16, n_iter=5, random_state=1)
    else:
        _, _, vt = sp.linalg.svds(train, args.factors, random_state=1)
    return (lambda x: (x @ vt.T) @ vt), 0, 1


def gfcf(train, args):
    users, items = (1 / np.sqrt(np.maximum(np.asarray(train.sum(axis)).ravel(), 1)) for axis in (1, 0))
    x = sp.diags(users.astype(np.float32)) @ train @ sp.diags(items.astype(np.float32))
    if args.model == "gfcf":
        _, _, vt = randomized_svd(x, args.factors, n_oversamples=16, n_iter=5, random_state=1)
    else:
        _, _, vt = sp.linalg.svds(x, args.factors, random_state=1)
    near = (x.T @ x).tocsr()
    inward, outward = (vt * items).T, vt / items
    return (lambda h: (h @ near).toarray() + 0.3 * (h @ inward) @ outward), 0, 1


def nmf(train, args):
    solver = {"nmf": {"solver": "cd", "init": "nndsvda"}, "nmf-mu": {"solver": "mu", "init": "nndsvda"}}[args.model]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = NMF(args.factors, max_iter=args.epochs, tol=0, random_state=1, **solver).fit(train)
        return (lambda h: fitted.transform(h) @ fitted.components_), 0, 1


def judge(score, train, valid):
    discount = 1 / np.log2(np.arange(2, TOP + 2))
    ideal = np.concatenate([[0], np.cumsum(discount)])
    ndcg, recall = [], []
    judged = np.flatnonzero(np.diff(valid.indptr))
    listing = 0
    for start in range(0, len(judged), 500):
        users, started = judged[start : start + 500], processor_seconds()
        scores = np.asarray(score(train[users]))
        scores[train[users].nonzero()] = -np.inf
        best = np.argpartition(-scores, TOP, axis=1)[:, :TOP]
        best = np.take_along_axis(best, np.argsort(-np.take_along_axis(scores, best, 1), axis=1), 1)
        listing += processor_seconds() - started
        for user, ranked in zip(users, best):
            relevant = valid.indices[valid.indptr[user] : valid.indptr[user + 1]]
            hits = np.isin(ranked, relevant)
            ndcg.append((hits * discount).sum() / ideal[min(TOP, len(relevant))])
            recall.append(hits.sum() / len(relevant))
    return {"ndcg@20": float(np.mean(ndcg)), "recall@20": float(np.mean(recall)), "users": len(judged), "list_processor_seconds": listing}


def processor_seconds():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("split")
    command.add_argument("source")
    command.add_argument("folder")
    command = commands.add_parser("fit")
    command.add_argument("folder")
    command.add_argument("--model", choices=["slim", "ease", "ease-cholesky", "puresvd", "puresvd-arpack", "gfcf", "gfcf-arpack", "nmf", "nmf-mu"], required=True)
    command.add_argument("--l1", type=float, default=1.0)
    command.add_argument("--l2", type=float, default=100.0)
    command.add_argument("--factors", type=int, default=128)
    command.add_argument("--epochs", type=int, default=50)
    command.add_argument("--sample", type=int, default=0)
    command.add_argument("--unjudged", action="store_true")
    command.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    if args.command == "split":
        split(args.source, args.folder)
        return

    train, valid = read(args.folder)
    fit = {"slim": slim, "ease": ease, "puresvd": puresvd, "gfcf": gfcf, "nmf": nmf}[args.model.partition("-")[0]]
    with threadpool_limits(limits=1 if args.model == "slim" else args.threads, user_api="blas"):
        started, used = time.perf_counter(), processor_seconds()
        score, peak, scale = fit(train, args)
        seconds, used = time.perf_counter() - started, processor_seconds() - used
    peak = max(peak, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # before the lists are made
    print(json.dumps({
        "model": args.model, "threads": args.threads, "fit_seconds": seconds * scale, "processor_seconds": used * scale,
        "peak_mb": peak // 1024, "items": train.shape[1], "extrapolated_by": scale,
        "blas": sorted({f"{p['internal_api']} {p['version']} {p.get('architecture')}" for p in threadpool_info() if p["user_api"] == "blas"}),
        **({} if args.sample or args.unjudged else judge(score, train, valid)),
    }))


if __name__ == "__main__":
    main()
