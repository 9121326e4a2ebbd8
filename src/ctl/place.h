/* SPDX-License-Identifier: MIT */
/* Which server is meant. */
#ifndef BH_CTL_PLACE_H
#define BH_CTL_PLACE_H

/* A connection to the control socket `path`, or, if that is NULL, to the one
 * that a server of this user has in the usual directory. -1 after a complaint.
 */
int place_connect(const char *path);

#endif
