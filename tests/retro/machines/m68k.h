/* SPDX-License-Identifier: MIT */
/* Linux's system calls on a 68000, without a library. */
#ifndef M68K_H
#define M68K_H

#define M68K_EXIT 1
#define M68K_READ 3
#define M68K_WRITE 4

/* What the call returns. */
long m68k_call(long number, long handle, void *bytes, long len);

#endif
