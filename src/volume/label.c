/* SPDX-License-Identifier: MIT */
#include "volume/label.h"

#include <errno.h>
#include <string.h>

int bh_label_clean(const void *bytes, size_t len, char out[BH_LABEL_LEN + 1])
{
    const char *label = bytes;

    while (len > 0 && memchr(" \r\n", label[len - 1], 4) != NULL)
        len--;
    if (len > BH_LABEL_LEN)
        return -EINVAL;
    for (size_t i = 0; i < len; i++)
        if (label[i] < ' ' || label[i] > '~' || strchr("/@#", label[i]) != NULL)
            return -EINVAL;
    memcpy(out, label, len);
    out[len] = '\0';
    if (out[0] == '.' || out[0] == ' ' ||
        (len > 0 && strspn(out, "0123456789") == len))
        return -EINVAL;
    return 0;
}
