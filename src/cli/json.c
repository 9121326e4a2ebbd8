/* SPDX-License-Identifier: MIT */
#include "cli/json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/message.h"
#include "cli/text.h"

/* struct json is json_t under a name that needs no jansson.h. */
static json_t *inner(struct json *value)
{
    return (json_t *)value;
}

bool json_available(void)
{
    return true;
}

struct json *json_object_begin(void)
{
    return (struct json *)json_object();
}

struct json *json_array_begin(void)
{
    return (struct json *)json_array();
}

static json_t *text_value(const char *value)
{
    const size_t len = strlen(value);
    char *clean = malloc(len + 1);
    json_t *result;

    if (clean == NULL)
        return NULL;
    text_clean(clean, value, len);
    result = json_string(clean);
    free(clean);
    return result;
}

void json_put_text(struct json *object, const char *key, const char *value)
{
    json_object_set_new(inner(object), key, text_value(value));
}

void json_put_number(struct json *object, const char *key, uint64_t value)
{
    json_object_set_new(inner(object), key, json_integer((json_int_t)value));
}

void json_put_signed(struct json *object, const char *key, int64_t value)
{
    json_object_set_new(inner(object), key, json_integer(value));
}

void json_put_real(struct json *object, const char *key, double value)
{
    json_object_set_new(inner(object), key, json_real(value));
}

void json_put_flag(struct json *object, const char *key, bool value)
{
    json_object_set_new(inner(object), key, json_boolean(value));
}

void json_put(struct json *object, const char *key, struct json *child)
{
    json_object_set_new(inner(object), key, inner(child));
}

void json_append(struct json *array, struct json *child)
{
    json_array_append_new(inner(array), inner(child));
}

void json_append_text(struct json *array, const char *value)
{
    json_array_append_new(inner(array), text_value(value));
}

bool json_print(struct json *value)
{
    const bool printed =
        value != NULL &&
        json_dumpf(inner(value), stdout,
                   JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0;

    json_decref(inner(value));
    if (printed)
        putchar('\n');
    else if (!ferror(stdout))
        complain("cannot print JSON: out of memory");
    return printed;
}
