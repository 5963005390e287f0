#!/usr/bin/env bash
# Judges all models on five public data sets, settings chosen on validation data
# and the test looked at once. The data is not shipped: give the folder that
# holds ml-100k, ml-latest-small-2016, online-retail, gowalla_m1, s3rec-beauty.
set -euo pipefail
data=${1:?usage: bench/accuracy.sh DATA_FOLDER}
go build -o bin/kindred ./cmd/kindred
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT

models=(--model popular --model popular:half_life_days=0 --model popular:half_life_days=14)
for heavy in 0 0.5 1; do
  for shrink in 2 20; do models+=(--model "itemknn:heavy_users=$heavy,shrink=$shrink"); done
done
for lambda in 0.003 0.01 0.03; do
  for alpha in 5 30; do models+=(--model "ials:lambda=$lambda,alpha=$alpha"); done
done
judge() { bin/kindred evaluate --quiet "${models[@]}" "$@"; }

echo "== ML-100K: chronological, 80/10/10"
judge --data "$data/ml-100k/u.data.gz" --split chronological
# In the other's last fifth only ten users come back, too few to judge on.
echo "== ML-100K: last item tests, last but one validates"
judge --data "$data/ml-100k/u.data.gz" --split leave-last-out
echo "== MovieLens latest small (2016): last item tests, last but one validates"
judge --data "$data/ml-latest-small-2016/ratings.csv.gz" --split leave-last-out
echo "== S3Rec Beauty: last item tests, last but one validates"
judge --data "$data/s3rec-beauty/Beauty.txt.gz" --layout sequence --split leave-last-out --k 10,20,50
echo "== Gowalla_m1: given test; a tenth of each user's training items validates"
models+=(--model ials:factors=256,epochs=8,alpha=30,lambda=0.003 --model ials:factors=512,epochs=8,alpha=30,lambda=0.003)
judge --train "$data/gowalla_m1/train.txt.gz" --test "$data/gowalla_m1/test.txt.gz" --layout adjacency
echo "== Online Retail: chronological, 90/10, default settings, through the store"
bin/kindred import online-retail "$data/online-retail/online_retail.csv.gz" --dir "$state" --quiet >/dev/null
bin/kindred evaluate --dir "$state" --quiet
