#!/usr/bin/env bash
# Processor time and memory of fits against interactions, on generated data with a
# long tail (bench/generate: users grow with the interactions, 50 each in the mean;
# items with their root). The measurements are added to MEASURED; the table of all
# there goes to the terminal, with the exponents e of time and memory ~
# interactions^e by least squares of the logarithms, the plot to PLOT. To measure
# less: SIZES="100000 1000000" bench/scaling.sh ials:factors=64,epochs=4 itemknn
# (or RATED="svd baseline" bench/scaling.sh, for models that predict ratings).
set -euo pipefail
sizes=${SIZES:-100000 500000 2000000 20000000}
measured=${MEASURED:-bin/scaling.csv}
models=("$@")
rated=(${RATED:-})
if [ $# = 0 ] && [ -z "${RATED:-}" ]; then
  models=(popular itemknn userknn rp3beta covisit rules:min_support=0.01 rules repeat
    ials:factors=64,epochs=4 nmf:factors=64,epochs=4
    bpr:factors=64,epochs=4,patience=0 warp:factors=64,epochs=4,patience=0
    slim ease:candidates=200 ease puresvd:factors=64 gfcf:factors=64 "blend:models=[popular|itemknn|ials]"
    logistic:epochs=3,patience=0 fm:epochs=3,patience=0 ffm:epochs=3,patience=0 gbdt:trees=50,patience=0)
  rated=(baseline slopeone ratingknn ratingnmf:epochs=4 svd:factors=64,epochs=4
    svdpp:factors=64,epochs=4 bayesmf:burn=2,samples=2)
fi
go build -o bin/generate ./bench/generate
go build -o bin/scaling ./bench/scaling
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
for n in $sizes; do
  bin/generate -interactions "$n" > "$state/data.csv"
  if [ ${#models[@]} -gt 0 ]; then bin/scaling -data "$state/data.csv" "${models[@]}" | tee -a "$measured" >&2; fi
  if [ ${#rated[@]} -gt 0 ]; then bin/scaling -data "$state/data.csv" -ratings "${rated[@]}" | tee -a "$measured" >&2; fi
done
bin/scaling -measured "$measured" -plot "${PLOT:-bin/scaling.svg}"
