package feature

import (
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"kindred"
)

// maxCost bounds the steps of one evaluation, in CEL's measure: about a
// microsecond for each hundred.
const maxCost = 10_000

// program is a compiled expression. Evaluating it is safe for concurrent use.
type program struct {
	run   cel.Program
	names map[string]int // by variable: its place among the inputs
}

// referencesIn returns the features that an expression names as entity.name.
func referencesIn(text string) ([]Ref, error) {
	env, err := cel.NewEnv()
	if err != nil {
		return nil, err
	}
	parsed, issues := env.Parse(text)
	if issues.Err() != nil {
		return nil, kindred.Errorf(kindred.Invalid, "is no CEL: %v", issues.Err())
	}
	var refs []Ref
	ast.PreOrderVisit(parsed.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.SelectKind || e.AsSelect().Operand().Kind() != ast.IdentKind {
			return
		}
		entity := Entity(e.AsSelect().Operand().AsIdent())
		if slices.Contains([]Entity{User, Item, UserItem, Session, Context}, entity) {
			r := Ref(string(entity) + ":" + e.AsSelect().FieldName())
			if !slices.Contains(refs, r) {
				refs = append(refs, r)
			}
		}
	}))
	return refs, nil
}

// compileExpression types an expression over its inputs.
func (p *Plan) compileExpression(f *planned) (*program, Type, error) {
	options := []cel.EnvOption{cel.CrossTypeNumericComparisons(true), dotFunction()}
	compiled := &program{names: map[string]int{}}
	for place, i := range f.inputs {
		input := &p.features[i]
		name := string(input.Entity) + "." + input.Name
		compiled.names[name] = place
		options = append(options, cel.Variable(name, celTypes()[input.valueType]))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, "", err
	}
	checked, issues := env.Compile(f.Expression)
	if issues.Err() != nil {
		return nil, "", kindred.Errorf(kindred.Invalid, "does not compile (features are entity.name, and numbers among them are written 1.0): %v", issues.Err())
	}
	var result Type
	switch kind := checked.OutputType().Kind(); kind {
	case types.DoubleKind, types.IntKind:
		result = Number
	case types.BoolKind:
		result = Bool
	case types.StringKind:
		result = String
	default:
		return nil, "", kindred.Errorf(kindred.Invalid, "gives a %s, must give a number, bool or string", checked.OutputType())
	}
	limits := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	if estimate, err := env.EstimateCost(checked, unknownSizes{}); err != nil || estimate.Max > maxCost {
		limits = append(limits, cel.CostLimit(maxCost)) // to count the steps doubles the time
	}
	compiled.run, err = env.Program(checked, limits...)
	return compiled, result, err
}

// unknownSizes leaves all estimates to CEL, to which the sizes of strings and
// lists are unbounded.
type unknownSizes struct{}

// EstimateCallCost returns nil.
func (unknownSizes) EstimateCallCost(_, _ string, _ *cost.AstNode, _ []cost.AstNode) *cost.CallEstimate { //nolint:gocritic // CEL's signature
	return nil
}

// EstimateSize returns nil.
func (unknownSizes) EstimateSize(cost.AstNode) *cost.SizeEstimate { return nil }

func celTypes() map[Type]*cel.Type {
	return map[Type]*cel.Type{
		Number: cel.DoubleType, Bool: cel.BoolType, String: cel.StringType,
		Strings: cel.ListType(cel.StringType), Vector: cel.ListType(cel.DoubleType),
	}
}

// row is the inputs of an expression at one row, as CEL asks for them.
type row struct {
	program *program
	inputs  []*Column
	at      int
}

// ResolveName returns the value of a variable.
func (r *row) ResolveName(name string) (any, bool) {
	place, known := r.program.names[name]
	if !known {
		return nil, false
	}
	c := r.inputs[place]
	switch c.Type {
	case Bool:
		return types.Bool(c.Numbers[r.at] != 0), true
	case String:
		return types.String(c.Texts[r.at]), true
	case Strings:
		return types.NewStringList(types.DefaultTypeAdapter, c.Lists[r.at]), true
	case Vector:
		list := make([]float64, len(c.Vectors[r.at]))
		for i, x := range c.Vectors[r.at] {
			list[i] = float64(x)
		}
		return types.DefaultTypeAdapter.NativeToValue(list), true
	default:
		return types.Double(c.Numbers[r.at]), true
	}
}

// Parent returns nil: there are no outer variables.
func (r *row) Parent() cel.Activation { return nil }

// evaluate returns the expression's value at a row, or false where it has
// none: on a division of whole numbers by zero, a list too short, or a cost
// beyond maxCost.
func (p *program) evaluate(r *row) (ref.Val, bool) {
	r.program = p
	value, _, err := p.run.Eval(r)
	return value, err == nil
}
