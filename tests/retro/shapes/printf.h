/* SPDX-License-Identifier: MIT */
/* In the shape of Fuzix's printf.h. */
#ifndef PRINTF_H
#define PRINTF_H

void kprintf(const char *format, ...);

#endif
