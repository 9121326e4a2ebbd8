/* SPDX-License-Identifier: MIT */
#include "cli/options.h"

#include "cli/message.h"
#include "cli/number.h"

/* A new option: its row here, its field in struct options, its case in
 * options_apply(), its letter in the commands that take it, its item in the man
 * page.
 */
const struct option_row option_rows[] = {
    {'c', "count", "N", "stop after N; 0: go on until interrupted"},
    {'d', "seconds", "SECONDS", "how long to go on"},
    {'j', "json", NULL, "print JSON on standard output"},
    {'f', "foreground", NULL, "stay there, and complain on standard error"},
    {'l', "look", NULL, "read without a lock, also while a machine writes"},
    {'n', "run", "N", "sectors of one request: 1 to 64"},
    {'o', "option", "OPTIONS", "options of mount(8): ro, allow_other, ..."},
    {'O', "read-only", NULL, "do not write, and let others read, too"},
    {'P', "pad", NULL, "fill the last sector up with zeros"},
    {'p', "port", "PORT", "UDP port to ask (4444)"},
    {'q', "quiet", NULL, "no progress, no summary; errors only"},
    {'R', "random", NULL, "sectors at random, as without this option"},
    {'S', "sequential", NULL, "one sector after the other"},
    {'r', "raw", NULL, "plain bytes, also to a terminal"},
    {'s', "sector", "N", "sector length: 128 to 16384, a power of two"},
    {'t', "timeout", "SECONDS", "how long to wait for an answer"},
    {'V', "verify", NULL, "compare the data, not checksums of it"},
    {'w', "writes", NULL, "write what is there already, do not read"},
    {'W', "window", "N", "requests at a time: 1 to 64"},
    {'x', "hex", NULL, "a hex dump, also to a pipe"},
};
const size_t option_count = sizeof(option_rows) / sizeof(option_rows[0]);

static bool refuse(const struct option_row *row, const char *value)
{
    complain("\"%s\" does not do for --%s: %s", value, row->name,
             row->letter == 't' || row->letter == 'd'
                 ? "seconds, 0.001 to 3600, are wanted"
             : row->letter == 's'
                 ? "128, 256, 512, 1024, 2048, 4096, 8192 or 16384 is wanted"
             : row->letter == 'W' || row->letter == 'n'
                 ? "a number from 1 to 64 is wanted"
             : row->letter == 'p' ? "a number from 1 to 65535 is wanted"
                                  : "a number from 0 to 4294967295 is wanted");
    return false;
}

static bool add_mount_option(const char *text, struct options *out)
{
    if (out->mount_option_count == OPTIONS_MOUNT_MAX) {
        complain("that is -o too often; put commas between its options");
        return false;
    }
    out->mount_options[out->mount_option_count++] = text;
    return true;
}

static bool apply_value(const struct option_row *row, const char *text,
                        struct options *out)
{
    uint64_t number = 0;

    switch (row->letter) {
    case 'c':
        if (!number_parse(text, 0, UINT32_MAX, &number))
            return refuse(row, text);
        out->count = number == 0 ? UINT32_MAX : (uint32_t)number;
        return true;
    case 'o':
        return add_mount_option(text, out);
    case 'p':
        if (!number_parse(text, 1, UINT16_MAX, &number))
            return refuse(row, text);
        out->port = (uint16_t)number;
        return true;
    case 'n':
        if (!number_parse(text, 1, 64, &number))
            return refuse(row, text);
        out->run = (uint32_t)number;
        return true;
    case 'W':
        if (!number_parse(text, 1, 64, &number))
            return refuse(row, text);
        out->window = (uint32_t)number;
        return true;
    case 'd':
        return seconds_parse(text, &out->duration_ms) || refuse(row, text);
    case 's':
        if (!number_parse(text, 128, 16384, &number) ||
            (number & (number - 1)) != 0)
            return refuse(row, text);
        out->sector_len = (uint32_t)number;
        return true;
    default:
        return seconds_parse(text, &out->timeout_ms) || refuse(row, text);
    }
}

static void apply_switch(char letter, struct options *out)
{
    switch (letter) {
    case 'j':
        out->json = true;
        break;
    case 'f':
        out->foreground = true;
        break;
    case 'l':
        out->look = true;
        break;
    case 'O':
        out->read_only = true;
        break;
    case 'P':
        out->pad = true;
        break;
    case 'q':
        out->quiet = true;
        break;
    case 'r':
        out->raw = true;
        break;
    case 'R':
        out->sequential = false;
        break;
    case 'S':
        out->sequential = true;
        break;
    case 'V':
        out->verify = true;
        break;
    case 'w':
        out->writes = true;
        break;
    default:
        out->hex = true;
        break;
    }
}

bool options_apply(const struct option_row *row, const char *value,
                   struct options *out)
{
    if (row->value != NULL)
        return apply_value(row, value, out);
    apply_switch(row->letter, out);
    return true;
}
