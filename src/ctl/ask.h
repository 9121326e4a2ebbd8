/* SPDX-License-Identifier: MIT */
/*
 * What most commands do: ask the server, and print its answer if JSON is
 * wanted.
 *
 * Each returns an enum exit_code. If all is well and JSON is not wanted,
 * `*answer` is what there is to show, to be freed; else it is NULL.
 */
#ifndef BH_CTL_ASK_H
#define BH_CTL_ASK_H

#include <jansson.h>

struct options;

/* Frees `request`; NULL: an operand was no UTF-8. */
int ask(const struct options *options, json_t *request, json_t **answer);

/* For the list `key`. */
int ask_list(const struct options *options, const char *key, json_t **answer);

/* The same for an answer that says nothing but that it is done. */
int ask_order(const struct options *options, json_t *request);

#endif
