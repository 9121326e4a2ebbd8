/* SPDX-License-Identifier: MIT */
/* What the errors of each transport mean to a person. */
#include <errno.h>

#include "client/path.h"

static const char *explain_unix(int error)
{
    if (error == -ENOENT)
        return "there is no such socket; is the server running, with "
               "-l unix:PATH?";
    if (error == -ECONNREFUSED)
        return "no server listens there any more; start it again";
    if (error == -EACCES)
        return "this user may not write to the socket; see -l unix:PATH:MODE "
               "of blockheadd(8)";
    if (error == -ETIMEDOUT)
        return "no answer; the server there is busy or stopped";
    return NULL;
}

static const char *explain_line(int error)
{
    if (error == -ETIMEDOUT)
        return "no answer; is blockheadd -l serial:DEVICE:BAUD running at the "
               "line's other end, with the same speed?";
    if (error == -EPIPE || error == -EIO)
        return "the line has hung up, and has not come back";
    return NULL;
}

static const char *explain_tcp(int error)
{
    if (error == -ETIMEDOUT)
        return "no answer; is it blockheadd -l tcp:ADDRESS:PORT that listens "
               "there?";
    if (error == -EPIPE || error == -ECONNRESET)
        return "the connection has ended, and there is no other";
    return NULL;
}

const char *bh_path_explain(const struct bh_path *path, int error)
{
    switch (path->kind) {
    case BH_URL_ETHER:
        return bh_ether_explain(error);
    case BH_URL_UNIX:
        return explain_unix(error);
    case BH_URL_SERIAL:
        return explain_line(error);
    case BH_URL_TCP:
        return explain_tcp(error);
    default:
        return NULL;
    }
}
