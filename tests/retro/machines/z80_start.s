; SPDX-License-Identifier: MIT
; From reset to main() on a Z80 with RAM from 0x8000. The order of the areas is
; the linker's.
	.module start
	.globl	_main
	.area	_HEADER (ABS)
	.org	0
	di
	ld	sp, #0xfff0
	call	gsinit
	call	_main
	halt
	.area	_HOME
	.area	_CODE
	.area	_INITIALIZER
	.area	_GSINIT
	.area	_GSFINAL
	.area	_DATA
	.area	_INITIALIZED
	.area	_BSEG
	.area	_BSS
	.area	_HEAP
	.area	_CODE
	.area	_GSINIT
gsinit::
	.area	_GSFINAL
	ret
