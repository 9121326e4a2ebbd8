/* SPDX-License-Identifier: MIT */
/* What ports/fuzix/devbh.c uses of Fuzix's kernel, in its shape. */
#ifndef KERNEL_H
#define KERNEL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *tmpbuf(void);
void tmpfree(void *buffer);
int uget(const void *user, void *to, size_t len);
int uput(const void *from, void *user, size_t len);

#endif
