/* SPDX-License-Identifier: MIT */
/*
 * What --json prints. Thin over jansson: a value that could not be made for
 * want of memory is NULL, every call takes NULL, and json_print() says so in
 * the end. Built without jansson, json_available() is false and nothing else
 * here is called.
 */
#ifndef BH_CLI_JSON_H
#define BH_CLI_JSON_H

#include <stdbool.h>
#include <stdint.h>

struct json;

bool json_available(void);

struct json *json_object_begin(void);
struct json *json_array_begin(void);

/* Text is cleaned as text.h says: JSON is UTF-8. */
void json_put_text(struct json *object, const char *key, const char *value);
void json_put_number(struct json *object, const char *key, uint64_t value);
void json_put_signed(struct json *object, const char *key, int64_t value);
void json_put_real(struct json *object, const char *key, double value);
void json_put_flag(struct json *object, const char *key, bool value);

/* `child` belongs to the parent from here on. */
void json_put(struct json *object, const char *key, struct json *child);
void json_append(struct json *array, struct json *child);
void json_append_text(struct json *array, const char *value);

/* Prints to standard output and frees. False after a complaint. */
bool json_print(struct json *value);

#endif
