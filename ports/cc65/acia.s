; SPDX-License-Identifier: MIT
;
; ports/cc65/acia.c in assembler. -D BH_ACIA=... and -D BH_ACIA_CONTROL=... where
; the chip is elsewhere or the line has another speed.

        .export _bh_chip_open, _bh_chip_put, _bh_chip_get, _bh_chip_start_timer
        .import _bh_drive, _bh_tick

.ifndef BH_ACIA
BH_ACIA = $DE00
.endif
.ifndef BH_ACIA_CONTROL
BH_ACIA_CONTROL = $1F           ; 8N1, 19,200 baud; a SwiftLink doubles it
.endif

data    = BH_ACIA
status  = BH_ACIA + 1           ; writing resets
command = BH_ACIA + 2
control = BH_ACIA + 3

RECEIVED = $08
SENDABLE = $10

wait    = _bh_drive + 11

        .bss
begun:  .res    1
calls:  .res    1

        .code

.proc   _bh_chip_open
        sta     status
        lda     #BH_ACIA_CONTROL
        sta     control
        lda     #$0B            ; no parity, no interrupts, RTS and DTR on
        sta     command
        rts
.endproc

.proc   _bh_chip_put
        pha
        lda     #SENDABLE
@wait:
        bit     status
        beq     @wait
        pla
        sta     data
        rts
.endproc

.proc   _bh_chip_start_timer
        jsr     _bh_tick
        sta     begun
        rts
.endproc

; A byte that is there costs no look at the clock, but for every 256th: a line
; that is never silent must have an end, too.
.proc   _bh_chip_get
        dec     calls
        beq     @look
        lda     #RECEIVED
        bit     status
        bne     @there
@look:
        jsr     _bh_tick
        sec
        sbc     begun
        cmp     wait
        bcs     @late
        lda     #RECEIVED
        bit     status
        beq     @look
@there:
        lda     data
        ldx     #0
        rts
@late:
        ldx     #1
        rts
.endproc
