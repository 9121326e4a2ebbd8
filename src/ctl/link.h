/* SPDX-License-Identifier: MIT */
/* The connection to the server: a line of JSON there, a line back. */
#ifndef BH_CTL_LINK_H
#define BH_CTL_LINK_H

#include <jansson.h>
#include <stddef.h>

struct link {
    const char *path; /* of the socket, or NULL: the usual one */
    int fd;           /* -1: not connected yet */
    char *bytes;      /* of an answer */
    size_t len, room;
};

void link_init(struct link *link, const char *path);
void link_close(struct link *link);

/* Asks `request`, which is freed, and puts the answer into `*answer`, which is
 * to be freed. An enum exit_code: EXIT_NEGATIVE if the server has refused; any
 * but EXIT_FINE after a complaint, and without an answer. */
int link_ask(struct link *link, json_t *request, json_t **answer);

/* The same for a list, which comes in parts: `key` names it in the request, as
 * what to do, and in the answer. Other keys of the answer are those of the
 * first part. */
int link_list(struct link *link, const char *key, json_t **answer);

#endif
