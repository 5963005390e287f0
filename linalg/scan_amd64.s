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
