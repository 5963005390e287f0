"""Time and judge the Python package `implicit` on files in the LightGCN form.

    python implicit_gowalla.py DIR [--factors 64] [--epochs 15] [--threads 2] [--model als|bpr|itemknn|overlap|tfidf|bm25|userknn] [--judge valid.txt]

DIR holds train.txt[.gz] and test.txt[.gz], or what --judge names instead, a user and its items a line. All
items are ranked, those of the user's training line hidden; NDCG@20 has binary
gains, log2 discounts and an ideal list of min(20, relevant) items; Recall@20
divides by all relevant items. itemknn is its CosineRecommender, overlap its
ItemItemRecommender; userknn is its CosineRecommender of the transposed matrix,
and lists are the neighbours' items added up by SciPy. Prints one JSON object.
"""

import argparse
import gzip
import json
import os
import resource
import time

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits


def read(folder, name):
    path = os.path.join(folder, name)
    opener = gzip.open if os.path.exists(path + ".gz") else open
    path = path + ".gz" if opener is gzip.open else path
    users, items = [], []
    with opener(path, "rt") as lines:
        for line in lines:
            user, *row = map(int, line.split() or [-1])
            users += [user] * len(row)
            items += row
    return np.array(users), np.array(items)


def judge(lists, test, k=20):
    discount = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0], np.cumsum(discount)])
    ndcg, recall = [], []
    for user, ranked in lists:
        relevant = test.indices[test.indptr[user] : test.indptr[user + 1]]
        hits = np.isin(ranked[:k], relevant)
        ndcg.append((hits * discount[: len(hits)]).sum() / ideal[min(k, len(relevant))])
        recall.append(hits.sum() / len(relevant))
    return float(np.mean(ndcg)), float(np.mean(recall))


def by_neighbours(similarity, train, users, k=20):
    """Lists of the items that the nearest others have, by the sum of their cosines."""
    similarity = similarity.tocsr()
    similarity.setdiag(0)
    ids = []
    for some in np.array_split(users, max(1, len(users) // 500)):
        scores = (similarity[some] @ train).toarray()
        scores[train[some].nonzero()] = -np.inf
        best = np.argpartition(-scores, k, axis=1)[:, :k]
        ids.append(np.take_along_axis(best, np.argsort(-np.take_along_axis(scores, best, 1), axis=1), 1))
    return np.concatenate(ids)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--model", choices=["als", "bpr", "itemknn", "overlap", "tfidf", "bm25", "userknn"], default="als")
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--regularization", type=float, default=0.01)
    parser.add_argument("--alpha", type=float, default=1.0)
    parser.add_argument("--learning-rate", type=float, default=0.01)
    parser.add_argument("--neighbours", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--judge", default="test.txt")
    args = parser.parse_args()

    train_users, train_items = read(args.folder, "train.txt")
    test_users, test_items = read(args.folder, args.judge)
    shape = (max(train_users.max(), test_users.max()) + 1, max(train_items.max(), test_items.max()) + 1)
    train = sp.csr_matrix((np.ones(len(train_users), np.float32), (train_users, train_items)), shape)
    test = sp.csr_matrix((np.ones(len(test_users), np.float32), (test_users, test_items)), shape)

    # implicit asks that its own threads not compete with those of BLAS.
    with threadpool_limits(limits=1, user_api="blas"):
        if args.model == "als":
            from implicit.als import AlternatingLeastSquares

            model = AlternatingLeastSquares(
                factors=args.factors, iterations=args.epochs, regularization=args.regularization,
                alpha=args.alpha, num_threads=args.threads, use_gpu=False, random_state=1)
        elif args.model == "bpr":
            from implicit.bpr import BayesianPersonalizedRanking

            model = BayesianPersonalizedRanking(
                factors=args.factors, iterations=args.epochs, regularization=args.regularization,
                learning_rate=args.learning_rate, num_threads=args.threads, use_gpu=False, random_state=1)
        else:
            from implicit import nearest_neighbours as nn

            kind = {"itemknn": nn.CosineRecommender, "userknn": nn.CosineRecommender, "overlap": nn.ItemItemRecommender,
                    "tfidf": nn.TFIDFRecommender, "bm25": nn.BM25Recommender}[args.model]
            model = kind(K=args.neighbours, num_threads=args.threads)
        stamps, processor = [time.perf_counter()], time.process_time()
        if args.model == "als":
            model.fit(train, show_progress=False, callback=lambda *_: stamps.append(time.perf_counter()))
        else:
            model.fit(train.T.tocsr() if args.model == "userknn" else train, show_progress=False)
            stamps.append(time.perf_counter())
        processor = time.process_time() - processor
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # before the lists are made
        users, listing = np.flatnonzero(np.diff(test.indptr)), time.process_time()
        if args.model == "userknn":
            ids = by_neighbours(model.similarity, train, users)
        else:
            ids, _ = model.recommend(users, train[users], N=20, filter_already_liked_items=True)
        listing = time.process_time() - listing
    ndcg, recall = judge(zip(users, ids), test)
    epochs = np.diff(stamps)
    print(json.dumps({
        "model": args.model, "threads": args.threads, "epochs": len(epochs),
        "median_epoch_seconds": float(np.median(epochs)), "fit_seconds": float(stamps[-1] - stamps[0]), "cpu_seconds": processor, "peak_mb": peak,
        "ndcg@20": ndcg, "recall@20": recall, "users": len(users), "list_cpu_seconds": listing,
    }))


if __name__ == "__main__":
    main()
