#!/usr/bin/env bash
# Judges the families of models on public data sets, settings chosen on
# validation data and the test looked at once: what docs/benchmarks.md shows.
# The data is not shipped: give the folder that holds ml-100k,
# ml-latest-small-2016, online-retail, gowalla_m1 and s3rec-beauty, and after it
# the parts to run (default: all). Takes about an hour on two cores.
set -euo pipefail
data=${1:?usage: bench/accuracy.sh DATA_FOLDER [ranking|gowalla|hybrids|retail|cold|ratings]…}
shift
parts=${*:-ranking gowalla hybrids retail cold ratings}
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
go build -o "$state/kindred" ./cmd/kindred
kindred() { "$state/kindred" "$@"; }
evaluate() { kindred evaluate "$1" --quiet "${@:2}"; }

# A small grid of each family; validation chooses.
models=(--model popular --model popular:half_life_days=14)
for recency in 0 1; do
  models+=(
    --model "itemknn:recency=$recency" --model "itemknn:shrink=20,recency=$recency"
    --model "rp3beta:recency=$recency"
    --model "ials:recency=$recency" --model "ials:lambda=0.01,alpha=5,recency=$recency"
    --model "slim:recency=$recency" --model "slim:user_power=0,item_power=0,target_power=0,recency=$recency"
    --model "gfcf:recency=$recency"
  )
done
models+=(--model covisit --model "blend:models=[popular|itemknn:recency=1|covisit|ials|slim:recency=1]")

ranking() {
  echo "== ML-100K: chronological, 80/10/10"
  evaluate ranking "${models[@]}" --data "$data/ml-100k/u.data.gz" --split chronological
  echo "== ML-100K: last item tests, last but one validates"
  evaluate ranking "${models[@]}" --data "$data/ml-100k/u.data.gz" --split leave-last-out
  # In the other's last fifth only ten users come back, too few to judge on.
  echo "== MovieLens latest small (2016): last item tests, last but one validates"
  evaluate ranking "${models[@]}" --data "$data/ml-latest-small-2016/ratings.csv.gz" --split leave-last-out
  echo "== S3Rec Beauty: last item tests, last but one validates"
  evaluate ranking "${models[@]}" --data "$data/s3rec-beauty/Beauty.txt.gz" --layout sequence --split leave-last-out --metric ndcg@10
}

gowalla() {
  echo "== Gowalla_m1: given test, one setting a kind"
  evaluate ranking --train "$data/gowalla_m1/train.txt.gz" --test "$data/gowalla_m1/test.txt.gz" --layout adjacency \
    --model popular --model itemknn --model rp3beta --model userknn --model ials:factors=512,epochs=8,popular_items=0.3 \
    --model bpr:factors=128,epochs=40,learn_rate=0.15,lambda=0.02,candidates=12,patience=0 \
    --model slim --model ease:candidates=200 --model gfcf
}

hybrids() {
  echo "== Gowalla_m1: a blend"
  local three="itemknn:heavy_users=1|rp3beta|ials:factors=256,epochs=8,lambda=0.003,alpha=30"
  evaluate ranking --train "$data/gowalla_m1/train.txt.gz" --test "$data/gowalla_m1/test.txt.gz" --layout adjacency \
    --model rp3beta --model "blend:models=[$three]" --model "fusion:models=[$three]"
  echo "== ML-100K: 75/25 by user"
  evaluate ranking --data "$data/ml-100k/u.data.gz" --split random --test-share .25 --k 10 --metric ndcg@10 \
    --model rp3beta --model ials --model ials:factors=32 --model ease --model ease:lambda=300 --model gfcf \
    --model "blend:models=[itemknn|rp3beta|ials:factors=32|ials|ease|ease:lambda=300|gfcf],hold_out=random,max_held_out=20"
}

retail() {
  echo "== Online Retail: the month from 9 November 2011, new items, then repeats too"
  kindred import online-retail "$data/online-retail/online_retail.csv.gz" --dir "$state/retail" --quiet >/dev/null
  for repeats in hide allow; do
    evaluate ranking --dir "$state/retail" --cut 2011-11-09 --repeats "$repeats" \
      --model popular --model itemknn --model rp3beta --model ials --model ease --model slim --model repeat
  done
}

cold() {
  echo "== Cold items and users"
  evaluate cold --data "$data/ml-100k/u.data.gz" --items "$data/ml-100k/u.item.gz" --users "$data/ml-100k/u.user.gz"
  evaluate cold --data "$data/ml-latest-small-2016/ratings.csv.gz" \
    --items "$data/ml-latest-small-2016/movies.csv.gz" --items "$data/ml-latest-small-2016/tags.csv.gz"
}

ratings() {
  echo "== ML-100K: ratings, five folds"
  zcat "$data/ml-100k/u.data.gz" >"$state/u.data"
  evaluate ratings --data "$state/u.data"
}

for part in $parts; do "$part"; done
