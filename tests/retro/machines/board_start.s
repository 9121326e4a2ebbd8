; SPDX-License-Identifier: MIT
; From reset to main() on the board of board_host.c.

        .export __STARTUP__ : absolute = 1
        .import _main, zerobss
        .importzp sp

        .segment "STARTUP"

        lda     #<$D000         ; the C stack grows down from here
        sta     sp
        lda     #>$D000
        sta     sp+1
        jsr     zerobss
        jmp     _main
