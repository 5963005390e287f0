//go:build amd64 && !purego

package linalg

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The suite again on the narrower kernels, which this machine may not choose by
// itself. (The build tag purego removes them all.)
func TestSuiteOnNarrowerKernels(t *testing.T) {
	const mark = "LINALG_NARROW"
	if os.Getenv(mark) != "" {
		t.Skip("already inside")
	}
	for name, off := range map[string]string{
		"AVX2":     "cpu.avx512f=off",
		"plain Go": "cpu.avx512f=off,cpu.avx2=off",
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.count=1", "-test.run=^Test")
			cmd.Env = append(os.Environ(), mark+"=1", "GODEBUG="+off)
			if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
