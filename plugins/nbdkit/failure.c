/* SPDX-License-Identifier: MIT */
#include "failure.h"

#include <errno.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

/* NBD knows nine errors (its protocol's "Error values"), and nbdkit makes
 * EINVAL of all others: as if the client had asked for something silly.
 * ESHUTDOWN says that this connection will not do any more, and a new one may.
 */
static int known_to_nbd(int error)
{
    switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
        return EPERM;
    case ENOMEM:
    case ENOSPC:
    case EINVAL:
    case EOPNOTSUPP:
        return error;
    case ESTALE:
    case EBUSY:
    case ENOTCONN:
    case ENOMEDIUM:
        return ESHUTDOWN;
    default:
        return EIO;
    }
}

int failure_tell(int error, const char *sentence)
{
    nbdkit_error("%s", sentence);
    nbdkit_set_error(known_to_nbd(-error));
    return -1;
}
