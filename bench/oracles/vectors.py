"""Writes format/testdata/numpy: what NumPy and pyarrow save of one small matrix,
and arrays that are no matrix of floats. Run: python vectors.py FOLDER"""

import pathlib
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

folder = pathlib.Path(sys.argv[1])
matrix = np.array([[0, 0.5, -1], [1.5, 2e-30, 3e30]], dtype="<f4")
np.save(folder / "f4.npy", matrix)
np.save(folder / "f8.npy", matrix.astype("<f8"))
np.save(folder / "big.npy", matrix.astype(">f4"))
np.save(folder / "fortran.npy", np.asfortranarray(matrix))
np.save(folder / "flat.npy", matrix[0])
np.save(folder / "ints.npy", np.array([[1, 2], [3, 4]]))
np.save(folder / "nan.npy", np.array([[1, np.nan]], dtype="<f4"))
pq.write_table(
    pa.table({"id": ["a", "b"], "embedding": pa.array(matrix.tolist(), pa.list_(pa.float32()))}),
    folder / "vectors.parquet",
)
