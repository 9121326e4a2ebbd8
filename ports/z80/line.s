; SPDX-License-Identifier: MIT
;
; ports/line.c for the Z80 in assembler (sdasz80), in half as many T states for
; each byte. line.h says what it does and what it needs. It has the other set of
; registers to itself: interrupts that use it have to keep it.

	.module	line
	.globl	_bh_port_send, _bh_port_receive
	.globl	_bh_drive
	.globl	_bh_chip_put, _bh_chip_get, _bh_chip_start_timer

HEAD_LEN	= 4		; 6 in a program with BH_DRIVE_STRICT=1

FLAG		= 0x7E
ESCAPE		= 0x7D
ESCAPED		= 0x20

; struct bh_drive
PACKET_LEN	= 10
REPLY		= 12
BODY		= REPLY + HEAD_LEN
PLACE		= BODY + 2
BODY_LEN	= PLACE + 2
REPLY_LEN	= BODY_LEN + 2

	.area	_DATA
len:	.ds	2

; In the other set: HL is where the next byte goes, BC how many more go there, DE
; the FCS.

; A goes into the FCS, which is in DE.
	.macro	ADD_TO_FCS
	xor	a, e
	ld	e, a
	add	a, a
	add	a, a
	add	a, a
	add	a, a
	xor	a, e
	ld	e, a		; x
	add	a, a
	add	a, a
	add	a, a
	xor	a, d
	ld	d, a		; high ^ x << 3
	ld	a, e
	rrca
	rrca
	rrca
	rrca
	and	a, #0x0F
	xor	a, d
	ld	d, a		; low, with x >> 4
	ld	a, e
	rlca
	rlca
	rlca
	and	a, #0x07
	xor	a, e		; high: x >> 5 ^ x
	ld	e, d
	ld	d, a
	.endm

	.area	_CODE

; A, escaped if it must be.
put:
	cp	a, #FLAG
	jr	Z, 1$
	cp	a, #ESCAPE
	jp	NZ, _bh_chip_put
1$:
	push	af
	ld	a, #ESCAPE
	call	_bh_chip_put
	pop	af
	xor	a, #ESCAPED
	jp	_bh_chip_put

; BC bytes from HL on.
put_all:
	ld	a, b
	or	a, c
	ret	Z
	push	bc
	push	hl
	ld	a, (hl)
	push	af
	exx
	ADD_TO_FCS
	exx
	pop	af
	call	put
	pop	hl
	pop	bc
	inc	hl
	dec	bc
	jr	put_all

_bh_port_send::
	exx
	ld	de, #0xFFFF
	exx
	ld	a, #FLAG
	call	_bh_chip_put
	ld	hl, #_bh_drive
	ld	a, (_bh_drive + PACKET_LEN)
	ld	c, a
	ld	b, #0
	call	put_all
	ld	hl, (_bh_drive + BODY)
	ld	bc, (_bh_drive + BODY_LEN)
	call	put_all
	exx
	ld	a, e
	exx
	cpl
	call	put
	exx
	ld	a, d
	exx
	cpl
	call	put
	ld	a, #FLAG
	call	_bh_chip_put
	jp	_bh_chip_start_timer

_bh_port_receive::
again:
	ld	hl, #0
	ld	(len), hl
	exx
	ld	hl, #_bh_drive + REPLY
	ld	bc, #HEAD_LEN
	ld	de, #0xFFFF
	exx
next:
	call	_bh_chip_get
	inc	d
	dec	d
	jp	NZ, late
	ld	a, e
	cp	a, #FLAG
	jr	Z, flag
	cp	a, #ESCAPE
	jr	Z, escape
take:
	ld	hl, (len)
	inc	hl
	ld	(len), hl
	exx
	ex	af, af'
	ld	a, b
	or	a, c
	jr	Z, no_room
store:
	ex	af, af'
	ld	(hl), a
	inc	hl
	dec	bc
count:
	ADD_TO_FCS
	exx
	jr	next

; The head is there, and just now, if this is the byte behind it.
no_room:
	exx
	ld	de, #-(HEAD_LEN + 1)
	add	hl, de
	ld	a, h
	or	a, l
	jr	NZ, drop
	ld	hl, (_bh_drive + REPLY_LEN)
	inc	de		; -HEAD_LEN
	add	hl, de
	jr	NC, drop	; a reply shorter than a head
	ld	a, h
	or	a, l
	jr	Z, drop
	push	hl
	exx
	pop	bc
	ld	hl, (_bh_drive + PLACE)
	jr	store
drop:
	exx
	ex	af, af'
	jr	count

escape:
	call	_bh_chip_get
	inc	d
	dec	d
	jr	NZ, late
	ld	a, e
	cp	a, #FLAG
	jp	Z, again	; broken off
	cp	a, #ESCAPE
	jr	Z, escape
	xor	a, #ESCAPED
	jr	take

flag:
	exx
	push	de
	exx
	pop	hl
	ld	de, #0x0F48	; -0xF0B8: a frame with its own FCS
	add	hl, de
	ld	a, h
	or	a, l
	jp	NZ, again
	ld	hl, (len)
	dec	hl
	dec	hl
	bit	7, h
	jp	NZ, again
	ld	a, h
	or	a, l
	jp	Z, again
	ex	de, hl
	ret

late:
	ld	de, #0
	ret
