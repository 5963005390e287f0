#!/usr/bin/env bash
# Time and memory of a model against interactions, on generated data with a long
# tail: for each size the seconds of the fit, those of the whole command (reading,
# splitting, fitting, judging) and its peak memory; then the exponents e of the
# fit's seconds and of the memory ~ interactions^e, by least squares of the
# logarithms. Sizes may be set: SIZES="100000 1000000" bench/scaling.sh …
set -euo pipefail
model=${1:?usage: bench/scaling.sh MODEL (as ials or ials:factors=64,epochs=12)}
sizes=${SIZES:-100000 300000 1000000 3000000 10000000 20000000}
go build -o bin/kindred ./cmd/kindred
go build -o bin/generate ./bench/generate
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT

echo "$model"
echo "interactions  fit s  all s  peak MB"
for n in $sizes; do
  bin/generate -interactions "$n" > "$state/data.csv"
  /usr/bin/time -f '%e %M' -o "$state/used" bin/kindred evaluate ranking --quiet --json \
    --data "$state/data.csv" --layout triples --split leave-last-out --model "$model" > "$state/result.json"
  fit=$(grep -o '"fit_time_ns": *[0-9]*' "$state/result.json" | tail -1 | grep -o '[0-9]*$')
  read -r all peak < "$state/used"
  awk -v n="$n" -v fit="$fit" -v all="$all" -v peak="$peak" 'BEGIN { printf "%12d %6.2f %6.1f %8.0f\n", n, fit / 1e9, all, peak / 1024 }' | tee -a "$state/rows"
done
awk 'function slope(y) { return (NR * xy[y] - sx * sy[y]) / (NR * xx - sx * sx) }
     { x = log($1); sx += x; xx += x * x
       fit = log($2 < .01 ? .01 : $2); sy["fit"] += fit; xy["fit"] += x * fit; sy["memory"] += log($4); xy["memory"] += x * log($4) }
     END { if (NR > 1) printf "exponents: fit %.2f, memory %.2f\n", slope("fit"), slope("memory") }' "$state/rows"
