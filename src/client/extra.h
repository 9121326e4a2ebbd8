/* SPDX-License-Identifier: MIT */
/*
 * TRIM, ZERO, CHECKSUM, TIME, CHECKPOINT, EJECT, LOCK and UNLOCK: how they are
 * asked, and what their answers say. When they are sent is traffic.c's.
 */
#ifndef BH_CLIENT_EXTRA_H
#define BH_CLIENT_EXTRA_H

#include <stdbool.h>
#include <stdint.h>

#include "client/blockhead.h"
#include "client/path.h"
#include "client/requests.h"
#include "client/window.h"

/* The name of the opcode that a request of this kind needs and the server does
 * not know; NULL: nothing is missing. */
const char *bh_extra_lacks(const struct bh_info *info,
                           enum bh_request_kind kind);

/* Sectors that one TRIM, ZERO or CHECKSUM may cover, 1 at least. */
uint32_t bh_extra_unit(const struct bh_info *info);

/* False: it is none that a server would take. */
bool bh_extra_set_label(struct bh_request *request, const char *label);

/* Begins the part `at`, all but its body. */
void bh_extra_compose(struct bh_tiny *tiny, const struct bh_request *request,
                      uint32_t at);

/* Adds the body, and says where the answer goes; for FLUSH and CLOSE, too,
 * which have neither. */
void bh_extra_arm(const struct bh_path *path, struct bh_pane *pane,
                  struct bh_request *request, uint64_t now_us);

/* Hands the answer to the caller. */
void bh_extra_tell(const struct bh_request *request);

#endif
