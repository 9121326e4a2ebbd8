/* SPDX-License-Identifier: MIT */
/*
 * For transports that keep the lengths of datagrams: whether a request has that
 * of its format. A frame of which a byte was lost on a serial line is shorter,
 * and its FCS-16 says so but for one case in 65,536; then this does.
 */
#ifndef BH_WIRE_EXACT_H
#define BH_WIRE_EXACT_H

#include <stddef.h>
#include <stdint.h>

/* 1 if it has, 0 if not. A CONNECT may have anything behind its name's NUL, up
 * to the end of the name's field; the sector of a WRITE may be any of the
 * protocol's; the length of an unknown opcode is not known. What is no request
 * has none. */
uint8_t bh_request_is_exact(const uint8_t *bytes, size_t len);

#endif
