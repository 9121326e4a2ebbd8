/* SPDX-License-Identifier: MIT */
#include "wire/label.h"

#include "wire/protocol.h"

static int is_blank(char c)
{
    return c == ' ' || c == '\r' || c == '\n' || c == '\0';
}

static int is_allowed(char c)
{
    return c >= ' ' && c <= '~' && c != '/' && c != '@' && c != '#';
}

unsigned char bh_label_clean(const char *bytes, unsigned len,
                             char out[BH_LABEL_LEN + 1])
{
    unsigned i, digits = 0;

    while (len > 0 && is_blank(bytes[len - 1]))
        len--;
    if (len > BH_LABEL_LEN)
        return BH_ERR_FORMAT;
    for (i = 0; i < len; i++) {
        if (!is_allowed(bytes[i]))
            return BH_ERR_FORMAT;
        out[i] = bytes[i];
        digits += bytes[i] >= '0' && bytes[i] <= '9';
    }
    out[len] = '\0';
    if (out[0] == '.' || out[0] == ' ' || (len > 0 && digits == len))
        return BH_ERR_FORMAT;
    return BH_OK;
}
