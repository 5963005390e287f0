// Package linalg is the arithmetic below the models: vectors, sparse matrices,
// small dense solvers and top-k selection, in float32. It knows nothing of
// users or items and does no I/O.
//
// Conventions: a dense matrix is one row-major slice, element (r, c) of a
// rows×cols matrix at r*cols+c. Functions panic on shapes a caller got wrong
// and return errors for what data can cause (a matrix that is not positive
// definite). Every kernel with an assembly version stands beside the plain Go
// that defines it; results may differ from it only by the order of summation,
// and are the same bytes for any number of cores.
package linalg
