package feature

import (
	"reflect"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// dotFunction gives expressions dot(a, b), the inner product of two vectors of
// one length; there is no value if the lengths differ.
func dotFunction() cel.EnvOption {
	vector := cel.ListType(cel.DoubleType)
	return cel.Function("dot", cel.Overload("dot_list_list", []*cel.Type{vector, vector}, cel.DoubleType, cel.BinaryBinding(dot)))
}

func dot(a, b ref.Val) ref.Val {
	x, y := numbersOf(a), numbersOf(b)
	if len(x) != len(y) || len(x) == 0 {
		return types.NewErr("dot of %d and %d numbers", len(x), len(y))
	}
	sum := 0.0
	for i := range x {
		sum += x[i] * y[i]
	}
	return types.Double(sum)
}

// numbersOf returns a list's numbers; none if it has anything else.
func numbersOf(list ref.Val) []float64 {
	if own, ok := list.Value().([]float64); ok { // a feature's
		return own
	}
	native, err := list.ConvertToNative(reflect.TypeFor[[]float64]())
	if err != nil {
		return nil
	}
	numbers, _ := native.([]float64)
	return numbers
}
