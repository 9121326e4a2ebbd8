/* SPDX-License-Identifier: MIT */
/* libnbd's functions, found when they are needed: it brings GnuTLS and libxml2
 * along, which most servers have no use for. */
#ifndef BH_VOLUME_NBD_LIBRARY_H
#define BH_VOLUME_NBD_LIBRARY_H

#include "volume/medium.h"

#include <libnbd.h>

#define BH_NBD_FUNCTIONS(each)                                                 \
    each(create) each(close) each(get_error) each(get_errno)                   \
        each(set_uri_allow_local_file) each(set_pread_initialize)              \
            each(aio_connect_uri) each(poll) each(aio_is_connecting)           \
                each(aio_is_ready) each(aio_is_dead) each(aio_is_closed)       \
                    each(get_size) each(is_read_only) each(can_flush)          \
                        each(can_fua) each(can_zero) each(get_block_size)      \
                            each(aio_get_fd) each(aio_get_direction)           \
                                each(aio_notify_read) each(aio_notify_write)   \
                                    each(aio_pread) each(aio_pwrite)           \
                                        each(aio_flush) each(aio_zero)         \
                                            each(aio_disconnect)

struct bh_nbd_library {
#define BH_NBD_FUNCTION(name) __typeof__(&nbd_##name) name;
    BH_NBD_FUNCTIONS(BH_NBD_FUNCTION)
#undef BH_NBD_FUNCTION
};

/* The library; NULL, and why, if it cannot be loaded. Any thread may call it.
 */
const struct bh_nbd_library *bh_nbd_library(char cause[BH_CAUSE_LEN]);

#endif
