//go:build amd64 && !purego

#include "textflag.h"

// func scoreInt4VNNI(dst *float32, query *int8, rows *byte, scales *float32, groups, blocks int, bias int32)
// Lanes are the rows of a block. Z0 and Z1 sum the products of low and high
// nibbles, the latter sixteenfold: masking them costs less than shifting each.
TEXT ·scoreInt4VNNI(SB), NOSPLIT, $0-52
	MOVQ dst+0(FP), DI
	MOVQ query+8(FP), SI
	MOVQ rows+16(FP), R8
	MOVQ scales+24(FP), DX
	MOVQ groups+32(FP), R9
	MOVQ blocks+40(FP), R10
	MOVL bias+48(FP), AX
	VPBROADCASTD AX, Z29
	MOVL $0x0f0f0f0f, AX
	VPBROADCASTD AX, Z31
	VPSLLD $4, Z31, Z30
int4Block:
	VPXORD Z0, Z0, Z0
	VPXORD Z1, Z1, Z1
	MOVQ SI, BX
	MOVQ R9, CX
int4Loop:
	VMOVDQU32 (R8), Z2
	VPANDD Z2, Z31, Z3
	VPANDD Z2, Z30, Z4
	VPDPBUSD.BCST (BX), Z3, Z0
	VPDPBUSD.BCST 4(BX), Z4, Z1
	ADDQ $64, R8
	ADDQ $8, BX
	DECQ CX
	JNZ int4Loop
	VPSRAD $4, Z1, Z1
	VPADDD Z29, Z0, Z0
	VPADDD Z1, Z0, Z0
	VCVTDQ2PS Z0, Z0
	VMULPS (DX), Z0, Z0
	VMOVUPS Z0, (DI)
	ADDQ $64, DX
	ADDQ $64, DI
	DECQ R10
	JNZ int4Block
	VZEROUPPER
	RET

// func scoreInt4AVX2(dst *float32, query *int8, rows *byte, scales *float32, groups, blocks int, bias int32)
// Y0 and Y1 sum for eight rows each; Y15 masks low nibbles, Y14 holds ones to
// sum pairs with.
TEXT ·scoreInt4AVX2(SB), NOSPLIT, $0-52
	MOVQ dst+0(FP), DI
	MOVQ query+8(FP), SI
	MOVQ rows+16(FP), R8
	MOVQ scales+24(FP), DX
	MOVQ groups+32(FP), R9
	MOVQ blocks+40(FP), R10
	MOVL bias+48(FP), AX
	VMOVD AX, X13
	VPBROADCASTD X13, Y13
	MOVL $0x0f0f0f0f, AX
	VMOVD AX, X15
	VPBROADCASTD X15, Y15
	MOVL $0x00010001, AX
	VMOVD AX, X14
	VPBROADCASTD X14, Y14
int4Block8:
	VMOVDQA Y13, Y0
	VMOVDQA Y13, Y1
	MOVQ SI, BX
	MOVQ R9, CX
int4Loop8:
	VPBROADCASTD (BX), Y2
	VPBROADCASTD 4(BX), Y3
	VMOVDQU (R8), Y4
	VMOVDQU 32(R8), Y5
	VPSRLW $4, Y4, Y6
	VPSRLW $4, Y5, Y7
	VPAND Y15, Y4, Y4
	VPAND Y15, Y5, Y5
	VPAND Y15, Y6, Y6
	VPAND Y15, Y7, Y7
	VPMADDUBSW Y2, Y4, Y4
	VPMADDUBSW Y2, Y5, Y5
	VPMADDUBSW Y3, Y6, Y6
	VPMADDUBSW Y3, Y7, Y7
	VPADDW Y6, Y4, Y4
	VPADDW Y7, Y5, Y5
	VPMADDWD Y14, Y4, Y4
	VPMADDWD Y14, Y5, Y5
	VPADDD Y4, Y0, Y0
	VPADDD Y5, Y1, Y1
	ADDQ $64, R8
	ADDQ $8, BX
	DECQ CX
	JNZ int4Loop8
	VCVTDQ2PS Y0, Y0
	VCVTDQ2PS Y1, Y1
	VMULPS (DX), Y0, Y0
	VMULPS 32(DX), Y1, Y1
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	ADDQ $64, DX
	ADDQ $64, DI
	DECQ R10
	JNZ int4Block8
	VZEROUPPER
	RET

// func firstAboveAVX2(scores *float32, n int, threshold float32) int
// The comparisons are ordered: NaN is above nothing.
TEXT ·firstAboveAVX2(SB), NOSPLIT, $0-32
	MOVQ scores+0(FP), SI
	MOVQ n+8(FP), CX
	VBROADCASTSS threshold+16(FP), Y0
	MOVQ SI, DI
	SUBQ $32, CX
	JLT above8
above32:
	VCMPPS $0x11, (SI), Y0, Y1
	VCMPPS $0x11, 32(SI), Y0, Y2
	VCMPPS $0x11, 64(SI), Y0, Y3
	VCMPPS $0x11, 96(SI), Y0, Y4
	VORPS Y1, Y2, Y2
	VORPS Y3, Y4, Y4
	VORPS Y2, Y4, Y4
	VMOVMSKPS Y4, AX
	TESTL AX, AX
	JNZ above8
	ADDQ $128, SI
	SUBQ $32, CX
	JGE above32
above8:
	ADDQ $24, CX
	JLT above1
above8loop:
	VCMPPS $0x11, (SI), Y0, Y1
	VMOVMSKPS Y1, AX
	TESTL AX, AX
	JNZ aboveFound
	ADDQ $32, SI
	SUBQ $8, CX
	JGE above8loop
above1:
	ADDQ $8, CX
	JZ aboveDone
above1loop:
	VMOVSS (SI), X1
	VUCOMISS X0, X1
	JHI aboveDone
	ADDQ $4, SI
	DECQ CX
	JNZ above1loop
aboveDone:
	SUBQ DI, SI
	SHRQ $2, SI
	MOVQ SI, ret+24(FP)
	VZEROUPPER
	RET
aboveFound:
	BSFL AX, AX
	SUBQ DI, SI
	SHRQ $2, SI
	ADDQ AX, SI
	MOVQ SI, ret+24(FP)
	VZEROUPPER
	RET

// func raiseAVX2(maxima, x *float32, eights int)
// The comparison is ordered: NaN is above nothing.
TEXT ·raiseAVX2(SB), NOSPLIT, $0-24
	MOVQ maxima+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ eights+16(FP), CX
raise8:
	VMOVUPS (SI), Y0
	VMAXPS (DI), Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DI
	DECQ CX
	JNZ raise8
	VZEROUPPER
	RET

// func prefetchLines(x unsafe.Pointer)
TEXT ·prefetchLines(SB), NOSPLIT, $0-8
	MOVQ x+0(FP), DI
	PREFETCHT0 (DI)
	PREFETCHT0 64(DI)
	PREFETCHT0 128(DI)
	PREFETCHT0 192(DI)
	RET

DATA lanes<>+0(SB)/8, $0x0000000100000000
DATA lanes<>+8(SB)/8, $0x0000000300000002
DATA lanes<>+16(SB)/8, $0x0000000500000004
DATA lanes<>+24(SB)/8, $0x0000000700000006
DATA lanes<>+32(SB)/8, $0x0000000900000008
DATA lanes<>+40(SB)/8, $0x0000000b0000000a
DATA lanes<>+48(SB)/8, $0x0000000d0000000c
DATA lanes<>+56(SB)/8, $0x0000000f0000000e
GLOBL lanes<>(SB), RODATA|NOPTR, $64

// func drainAVX512(cols *int32, vals, sums *float32, groups *byte, base int32) int
// One group of 16 sums for each mark. -0 equals 0, and NaN does not.
TEXT ·drainAVX512(SB), NOSPLIT, $0-48
	MOVQ cols+0(FP), DI
	MOVQ vals+8(FP), SI
	MOVQ sums+16(FP), DX
	MOVQ groups+24(FP), BX
	MOVL base+32(FP), AX
	VPBROADCASTD AX, Z0
	VPADDD lanes<>(SB), Z0, Z0
	VPXORQ Z7, Z7, Z7
	VMOVDQU64 (BX), Z1
	VPTESTMB Z1, Z1, K1
	KMOVQ K1, R8
	VMOVDQU64 Z7, (BX)
	XORQ AX, AX
	TESTQ R8, R8
	JZ drained
drainGroup:
	TZCNTQ R8, R9
	BLSRQ R8, R8
	SHLQ $4, R9
	VMOVUPS (DX)(R9*4), Z2
	VCMPPS $4, Z7, Z2, K1
	VMOVUPS Z7, (DX)(R9*4)
	VPBROADCASTD R9, Z3
	VPADDD Z0, Z3, Z3
	VCOMPRESSPS Z2, K1, Z4
	VPCOMPRESSD Z3, K1, Z5
	KMOVW K1, R10
	POPCNTL R10, R10
	VMOVUPS Z4, (SI)(AX*4)
	VMOVDQU32 Z5, (DI)(AX*4)
	ADDQ R10, AX
	TESTQ R8, R8
	JNZ drainGroup
drained:
	MOVQ AX, ret+40(FP)
	VZEROUPPER
	RET

// func pickAVX512(cols *int32, vals *float32, from *int32, values *float32, set *uint64, width, sixteens int) int
// A gather fetches the numbers of 16 columns; those that have one are moved
// together.
TEXT ·pickAVX512(SB), NOSPLIT, $0-64
	MOVQ cols+0(FP), DI
	MOVQ vals+8(FP), SI
	MOVQ from+16(FP), DX
	MOVQ values+24(FP), BX
	MOVQ set+32(FP), R8
	MOVQ width+40(FP), R9
	MOVQ sixteens+48(FP), CX
	VPBROADCASTD R9, Z6
	MOVL $31, R10
	VPBROADCASTD R10, Z7
	MOVL $1, R10
	VPBROADCASTD R10, Z8
	XORQ AX, AX
pickSixteen:
	VMOVDQU32 (DX), Z0
	VPCMPUD $5, Z6, Z0, K2
	KORTESTW K2, K2
	JNZ pickOutside
	KXNORW K1, K1, K1
	VPXORQ Z1, Z1, Z1
	VPSRLD $5, Z0, Z3
	VPGATHERDD (R8)(Z3*4), K1, Z1
	VPANDD Z7, Z0, Z3
	VPSRLVD Z3, Z1, Z1
	VPTESTMD Z8, Z1, K2
	VMOVUPS (BX), Z2
	VCOMPRESSPS.Z Z2, K2, Z4
	VPCOMPRESSD.Z Z0, K2, Z5
	KMOVW K2, R10
	POPCNTL R10, R10
	VMOVUPS Z4, (SI)(AX*4)
	VMOVDQU32 Z5, (DI)(AX*4)
	ADDQ R10, AX
	ADDQ $64, DX
	ADDQ $64, BX
	DECQ CX
	JNZ pickSixteen
	MOVQ AX, ret+56(FP)
	VZEROUPPER
	RET
pickOutside:
	MOVQ $-1, ret+56(FP)
	VZEROUPPER
	RET
