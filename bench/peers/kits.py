"""Time and judge models of LensKit and RecTools.

    python kits.py DIR --model lenskit-itemknn|lenskit-userknn|lenskit-ials|rectools-itemknn|rectools-ials
                   [--neighbours 20] [--factors 64] [--epochs 10] [--regularization 0.1] [--weight 40]

DIR is what linear.py split made: train.txt to learn from, valid.txt to judge on.
All items are ranked, those of the user's training line hidden, by the packages'
own ways to make lists. Both stand in environments of their own
(requirements-lenskit.txt, requirements-rectools.txt). Prints one JSON object, as
linear.py and bench/fit do.
"""

import argparse
import json
import os
import resource
import time

import numpy as np
import pandas as pd

TOP = 20


def read(folder, name):
    rows = []
    with open(os.path.join(folder, name)) as lines:
        for line in lines:
            user, *items = line.split()
            rows += [(int(user), int(item)) for item in items]
    return pd.DataFrame(rows, columns=["user_id", "item_id"])


def lenskit(train, users, args):
    from lenskit import batch
    from lenskit.als import ImplicitMFScorer
    from lenskit.data import from_interactions_df
    from lenskit.knn import ItemKNNScorer, UserKNNScorer
    from lenskit.pipeline import topn_pipeline

    data = from_interactions_df(train)
    scorer = {
        "itemknn": lambda: ItemKNNScorer(max_nbrs=args.neighbours, save_nbrs=args.neighbours, feedback="implicit"),
        "userknn": lambda: UserKNNScorer(max_nbrs=args.neighbours, feedback="implicit"),
        "ials": lambda: ImplicitMFScorer(embedding_size=args.factors, epochs=args.epochs, regularization=args.regularization, weight=args.weight),
    }[args.model.partition("-")[2]]()
    pipeline = topn_pipeline(scorer, n=TOP)

    def lists():
        found = batch.recommend(pipeline, users, n=TOP, n_jobs=1)
        return {key.user_id: items.ids() for key, items in found}

    return (lambda: pipeline.train(data)), lists


def rectools(train, users, args):
    from implicit.als import AlternatingLeastSquares
    from implicit.nearest_neighbours import CosineRecommender
    from rectools.dataset import Dataset
    from rectools.models import ImplicitALSWrapperModel, ImplicitItemKNNWrapperModel

    data = Dataset.construct(train.assign(weight=1, datetime="2026-01-01"))
    if args.model == "rectools-itemknn":
        model = ImplicitItemKNNWrapperModel(CosineRecommender(K=args.neighbours, num_threads=args.threads))
    else:
        model = ImplicitALSWrapperModel(AlternatingLeastSquares(
            factors=args.factors, iterations=args.epochs, regularization=args.regularization, alpha=args.weight,
            num_threads=args.threads, random_state=1))

    def lists():
        found = model.recommend(users=users, dataset=data, k=TOP, filter_viewed=True)
        return {user: group.to_numpy() for user, group in found.sort_values("rank").groupby("user_id")["item_id"]}

    return (lambda: model.fit(data)), lists


def judge(lists, valid):
    discount = 1 / np.log2(np.arange(2, TOP + 2))
    ndcg, recall = [], []
    for user, relevant in valid.groupby("user_id")["item_id"]:
        hits = np.isin(lists.get(user, []), relevant)
        ndcg.append((hits * discount[: len(hits)]).sum() / discount[: len(relevant)].sum())
        recall.append(hits.sum() / len(relevant))
    return {"ndcg@20": float(np.mean(ndcg)), "recall@20": float(np.mean(recall)), "users": len(ndcg)}


def used():
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), spent.ru_utime + spent.ru_stime, spent.ru_maxrss // 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--model", required=True)
    parser.add_argument("--neighbours", type=int, default=20)
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--regularization", type=float, default=0.1)
    parser.add_argument("--weight", type=float, default=40)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()

    train, valid = read(args.folder, "train.txt"), read(args.folder, "valid.txt")
    kit = {"lenskit": lenskit, "rectools": rectools}[args.model.partition("-")[0]]
    fit, lists = kit(train, valid["user_id"].unique(), args)
    started, used_before, _ = used()
    fit()
    fitted, used_fit, peak = used()
    found = lists()
    _, used_lists, _ = used()
    print(json.dumps({
        "model": args.model, "threads": args.threads, "fit_seconds": fitted - started, "processor_seconds": used_fit - used_before,
        "peak_mb": peak, "list_processor_seconds": used_lists - used_fit, **judge(found, valid),
    }))


if __name__ == "__main__":
    main()
