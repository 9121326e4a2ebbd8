/* SPDX-License-Identifier: MIT */
/* A 68000 in qemu-m68k, with Linux's system calls alone: the console is
 * standard error. */
#include "m68k.h"

#include "machine.h"

int main(void);
void _start(void);

long m68k_call(long number, long handle, void *bytes, long len)
{
    register long d0 __asm__("d0") = number;
    register long d1 __asm__("d1") = handle;
    register void *d2 __asm__("d2") = bytes;
    register long d3 __asm__("d3") = len;

    __asm__ volatile("trap #0"
                     : "+d"(d0)
                     : "d"(d1), "d"(d2), "d"(d3)
                     : "memory");
    return d0;
}

void machine_print(char c)
{
    m68k_call(M68K_WRITE, 2, &c, 1);
}

void machine_end(void)
{
    m68k_call(M68K_EXIT, 0, 0, 0);
}

void _start(void)
{
    main();
}
