/* SPDX-License-Identifier: MIT */
/* The back end for image files and block devices. */
#ifndef BH_VOLUME_FILE_H
#define BH_VOLUME_FILE_H

#include "core/job.h"
#include "volume/medium.h"

/* Makes a medium of the open file `fd`: the bytes of `facts` in it. Takes `fd`
 * over when it succeeds. -ESTALE if it is not the file that `facts` describe,
 * -ENODATA if it ends before the volume begins; `cause` says so. */
int bh_file_open(int fd, const struct bh_volume_facts *facts,
                 struct bh_medium **out, char cause[BH_CAUSE_LEN]);

/* How many bytes of a file of `size` belong to the volume. -ENODATA, said in
 * `cause`, if the file ends before the volume begins. */
int bh_file_span(const struct bh_volume_facts *facts, uint64_t size,
                 uint64_t *byte_count, char cause[BH_CAUSE_LEN]);

/* The length in bytes of a regular file or block device, or an error. */
int bh_file_size(int fd, uint64_t *size);

#endif
