/* SPDX-License-Identifier: MIT */
/* json.h for a build without jansson: main.c asks json_available() before a
 * command runs, and the rest is here for the linker. */
#include "cli/json.h"

#include <stddef.h>

#pragma GCC diagnostic ignored "-Wunused-parameter"

bool json_available(void)
{
    return false;
}

struct json *json_object_begin(void)
{
    return NULL;
}

struct json *json_array_begin(void)
{
    return NULL;
}

void json_put_text(struct json *object, const char *key, const char *value)
{
}

void json_put_number(struct json *object, const char *key, uint64_t value)
{
}

void json_put_signed(struct json *object, const char *key, int64_t value)
{
}

void json_put_real(struct json *object, const char *key, double value)
{
}

void json_put_flag(struct json *object, const char *key, bool value)
{
}

void json_put(struct json *object, const char *key, struct json *child)
{
}

void json_append(struct json *array, struct json *child)
{
}

void json_append_text(struct json *array, const char *value)
{
}

bool json_print(struct json *value)
{
    return false;
}
