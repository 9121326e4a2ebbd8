/* SPDX-License-Identifier: MIT */
#include "volume/format.h"

#include "core/job.h"
#include "volume/format_header.h"
#include "volume/name.h"

#include <string.h>

/* The parser of each format. */
static bh_format_parser *const parsers[] = {
    [BH_FORMAT_2MG] = bh_format_2mg,   [BH_FORMAT_ATR] = bh_format_atr,
    [BH_FORMAT_JVC] = bh_format_jvc,   [BH_FORMAT_VDK] = bh_format_vdk,
    [BH_FORMAT_DC42] = bh_format_dc42, [BH_FORMAT_VHD] = bh_format_vhd,
};

/* A .dsk is of any kind; of those whose length is no multiple of 256 but up to
 * 5 more, a JVC. */
static bool claims_jvc(const struct bh_sample *sample)
{
    return sample->size % 256 >= 1 && sample->size % 256 <= 5;
}

/* A .image has a name, and the magic number. */
static bool claims_dc42(const struct bh_sample *sample)
{
    return sample->head[0] >= 1 && sample->head[0] <= 63 &&
           sample->head[82] == 1 && sample->head[83] == 0;
}

/* The CoCo's .vhd files are raw. */
static bool claims_vhd(const struct bh_sample *sample)
{
    return memcmp(sample->head, "conectix", 8) == 0 ||
           memcmp(sample->tail, "conectix", 8) == 0;
}

/* What is expected behind an extension; with `claims`, only if that is true. */
struct extension {
    const char *text;
    uint8_t format;
    bool (*claims)(const struct bh_sample *sample);
};

static const struct extension extensions[] = {
    {".2mg", BH_FORMAT_2MG, NULL},          {".2img", BH_FORMAT_2MG, NULL},
    {".atr", BH_FORMAT_ATR, NULL},          {".jvc", BH_FORMAT_JVC, NULL},
    {".vdk", BH_FORMAT_VDK, NULL},          {".dc42", BH_FORMAT_DC42, NULL},
    {".dsk", BH_FORMAT_JVC, claims_jvc},    {".vhd", BH_FORMAT_VHD, claims_vhd},
    {".image", BH_FORMAT_DC42, claims_dc42}};

static const struct extension *extension_of(const char *path)
{
    const char *dot = strrchr(path, '.');

    for (size_t i = 0;
         dot != NULL && i < sizeof extensions / sizeof *extensions; i++)
        if (bh_name_alike(dot, extensions[i].text))
            return &extensions[i];
    return NULL;
}

bool bh_format_has_header(uint8_t format, const char *path)
{
    if (format == BH_FORMAT_AUTO)
        return extension_of(path) != NULL;
    return format != BH_FORMAT_RAW;
}

int bh_format_parse(uint8_t format, const char *path,
                    const struct bh_sample *sample, struct bh_extent *out,
                    char cause[BH_CAUSE_LEN])
{
    const struct extension *extension =
        format == BH_FORMAT_AUTO ? extension_of(path) : NULL;

    if (extension != NULL &&
        (extension->claims == NULL || extension->claims(sample)))
        format = extension->format;
    if (format == BH_FORMAT_AUTO || format == BH_FORMAT_RAW)
        return 1;
    *out = (struct bh_extent){.exponent = BH_ANY_EXPONENT};
    return parsers[format](sample, out, cause);
}
