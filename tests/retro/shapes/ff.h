/* SPDX-License-Identifier: MIT */
/* What ports/fatfs/diskio.c uses of FatFs's ff.h, in its shape. */
#ifndef FF_H
#define FF_H

#include <stdint.h>

typedef unsigned int UINT;
typedef unsigned char BYTE;
typedef uint16_t WORD;
typedef uint32_t DWORD;
typedef DWORD LBA_t;

#endif
