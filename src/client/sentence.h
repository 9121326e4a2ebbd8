/* SPDX-License-Identifier: MIT */
/*
 * What a disk tells a person of a request that failed.
 */
#ifndef BH_CLIENT_SENTENCE_H
#define BH_CLIENT_SENTENCE_H

#include <stdint.h>

struct bh_disk;
struct bh_request;

/* Has bh_disk_error() say why `request` failed, and bh_disk_status() which
 * status was behind it. `why` is the reason in words, or NULL: then that of
 * `status`, or else of `error`. Returns `error`. */
int bh_sentence_say(struct bh_disk *disk, const struct bh_request *request,
                    int error, uint8_t status, const char *why);

#endif
