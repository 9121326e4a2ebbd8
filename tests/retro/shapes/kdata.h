/* SPDX-License-Identifier: MIT */
/* The running process, in the shape of Fuzix's kdata.h. */
#ifndef KDATA_H
#define KDATA_H

extern struct u_data {
    int u_error;
} udata;

#endif
