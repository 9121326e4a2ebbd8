/* SPDX-License-Identifier: MIT */
/* Answers, as a person or a script reads them. */
#ifndef BH_CTL_SHOW_H
#define BH_CTL_SHOW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Holds any cell of a table, with its NUL. */
#define CELL_LEN 512

/* A column: its title, and how its cell is made from an object of the list. */
struct column {
    const char *title;
    bool right; /* its cells end at its right edge */
    void (*cell)(const json_t *object, char text[CELL_LEN]);
};

/* The list `key` of `answer`, a line for each; `columns` end with a title that
 * is NULL. */
void show_table(const json_t *answer, const char *key,
                const struct column *columns);

/* Prints `answer` to standard output and frees it: an enum exit_code. */
int show_json(json_t *answer);

/* A key's value: a clean text, "" if there is none; a number, else 0. */
void show_text(const json_t *object, const char *key, char text[CELL_LEN]);
uint64_t show_number(const json_t *object, const char *key);
bool show_flag(const json_t *object, const char *key);

#endif
