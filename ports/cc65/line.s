; SPDX-License-Identifier: MIT
;
; ports/line.c in assembler: half as many cycles for each byte, so that a line
; may be twice as fast. line.h says what it does and what it needs. Programs
; with BH_DRIVE_STRICT=1 assemble it with -D BH_DRIVE_STRICT=1.

        .export _bh_port_send, _bh_port_receive
        .import _bh_drive
        .import _bh_chip_put, _bh_chip_get, _bh_chip_start_timer

FLAG    = $7E
ESCAPE  = $7D
ESCAPED = $20

.ifdef BH_DRIVE_STRICT
HEAD_LEN = 6
.else
HEAD_LEN = 4
.endif

; struct bh_drive
packet     = _bh_drive
packet_len = _bh_drive + 10
reply      = _bh_drive + 12
body       = reply + HEAD_LEN
place      = body + 2
body_len   = place + 2
reply_len  = body_len + 2

        .zeropage
to:     .res    2       ; where the next byte goes, or comes from
low:    .res    1       ; the FCS
high:   .res    1
temp:   .res    1

        .bss
room:   .res    2       ; how many more go there
len:    .res    2

        .code

begin_fcs:
        lda     #$FF
        sta     low
        sta     high
        rts

; A goes into the FCS. Y stays.
.macro  ADD_TO_FCS
        eor     low
        sta     temp
        asl
        asl
        asl
        asl
        eor     temp
        sta     temp            ; x
        asl
        asl
        asl
        eor     high
        sta     low             ; high ^ x << 3
        lda     temp
        lsr
        lsr
        lsr
        lsr
        tax                     ; x >> 4
        eor     low
        sta     low
        txa
        lsr
        eor     temp            ; x >> 5 ^ x
        sta     high
.endmacro

; A, escaped if it must be.
put:
        cmp     #FLAG
        beq     @escape
        cmp     #ESCAPE
        bne     @plain
@escape:
        pha
        lda     #ESCAPE
        jsr     _bh_chip_put
        pla
        eor     #ESCAPED
@plain:
        jmp     _bh_chip_put

; `room` bytes from `to` on.
put_all:
        lda     room
        ora     room+1
        beq     @done
        ldy     #0
        lda     (to),y
        pha
        ADD_TO_FCS
        pla
        jsr     put
        inc     to
        bne     @same
        inc     to+1
@same:
        lda     room
        bne     @low
        dec     room+1
@low:
        dec     room
        jmp     put_all
@done:
        rts

.proc   _bh_port_send
        jsr     begin_fcs
        lda     #FLAG
        jsr     _bh_chip_put
        lda     #<packet
        sta     to
        lda     #>packet
        sta     to+1
        lda     packet_len
        sta     room
        lda     #0
        sta     room+1
        jsr     put_all
        lda     body
        sta     to
        lda     body+1
        sta     to+1
        lda     body_len
        sta     room
        lda     body_len+1
        sta     room+1
        jsr     put_all
        lda     low
        eor     #$FF
        jsr     put
        lda     high
        eor     #$FF
        jsr     put
        lda     #FLAG
        jsr     _bh_chip_put
        jmp     _bh_chip_start_timer
.endproc

begin_frame:
        jsr     begin_fcs
        lda     #<reply
        sta     to
        lda     #>reply
        sta     to+1
        lda     #HEAD_LEN
        sta     room
        lda     #0
        sta     room+1
        sta     len
        sta     len+1
        rts

; Carry set: the byte in A may be stored at `to`.
no_room:
        ldx     len+1
        bne     @drop
        ldx     len
        cpx     #HEAD_LEN       ; the head is there just now?
        bne     @drop
        tay
        sec
        lda     reply_len
        sbc     #HEAD_LEN
        sta     room
        lda     reply_len+1
        sbc     #0
        sta     room+1
        tya
        bcc     @none           ; a reply shorter than a head
        ldx     place
        stx     to
        ldx     place+1
        stx     to+1
        ldx     room
        bne     @yes
        ldx     room+1
        bne     @yes
@drop:
        clc
        rts
@none:
        ldx     #0
        stx     room
        stx     room+1
        rts
@yes:
        sec
        rts

late:
        lda     #0
        tax
        rts

.proc   _bh_port_receive
        jsr     begin_frame
        jmp     next

escape:
        jsr     _bh_chip_get
        cpx     #0
        beq     :+
        jmp     late
:       cmp     #FLAG
        beq     again           ; broken off
        cmp     #ESCAPE
        beq     escape
        eor     #ESCAPED
        jmp     take

flag:
        lda     low             ; $F0B8: a frame with its own FCS
        cmp     #$B8
        bne     again
        lda     high
        cmp     #$F0
        bne     again
        sec
        lda     len
        sbc     #2
        tay
        lda     len+1
        sbc     #0
        bcc     again
        tax
        tya
        bne     done
        cpx     #0
        bne     done
again:
        jsr     begin_frame
        jmp     next
done:
        rts

next:
        jsr     _bh_chip_get
        cpx     #0
        bne     late
        cmp     #ESCAPE
        beq     escape
        cmp     #FLAG
        beq     flag
take:
        ldx     room
        bne     store
        ldx     room+1
        bne     store_high
        jsr     no_room
        bcc     count
        ldx     room
        bne     store
store_high:
        dec     room+1
store:
        dec     room
        ldy     #0
        sta     (to),y
        inc     to
        bne     count
        inc     to+1
count:
        inc     len
        bne     same
        inc     len+1
same:
        ADD_TO_FCS
        jmp     next
.endproc
