/* SPDX-License-Identifier: MIT */
/* URLs that bh_url_parse() understands again. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "client/blockhead.h"

struct text {
    char *out;
    size_t len, used; /* bytes there; bytes wanted */
};

static void add(struct text *text, const char *more)
{
    for (; *more != 0; more++) {
        if (text->used + 1 < text->len)
            text->out[text->used] = *more;
        text->used++;
    }
}

static void add_number(struct text *text, const char *before, uint32_t number)
{
    char digits[12];

    snprintf(digits, sizeof(digits), "%lu", (unsigned long)number);
    add(text, before);
    add(text, digits);
}

/* All that a URL may not hold as it is is percent-encoded. */
static void add_encoded(struct text *text, const char *more)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz"
                                "0123456789-._~!$'()*+,;=:@/";
    char code[4];

    for (; *more != 0; more++) {
        snprintf(code, sizeof(code), strchr(plain, *more) ? "%c" : "%%%02X",
                 (unsigned char)*more);
        add(text, code);
    }
}

static void add_host(struct text *text, const struct bh_url *url)
{
    bool bracketed = strchr(url->host, ':') != NULL;

    add(text, url->kind == BH_URL_TCP ? "blockhead+tcp://" : "blockhead://");
    add(text, bracketed ? "[" : "");
    add(text, url->host);
    add(text, bracketed ? "]" : "");
    add_number(text, ":", url->port);
}

static void add_place(struct text *text, const struct bh_url *url)
{
    if (url->kind == BH_URL_UNIX) {
        add(text, "blockhead+unix://");
    } else if (url->kind == BH_URL_SERIAL) {
        add(text, "blockhead+serial://");
        add(text, url->host);
        add_number(text, ":", url->baud);
        add(text, url->rtscts ? ":rtscts" : "");
    } else if (url->kind == BH_URL_ETHER) {
        add(text, "blockhead+ether://");
        add(text, url->host);
    } else {
        add_host(text, url);
    }
}

size_t bh_url_print(const struct bh_url *url, char *out, size_t out_len)
{
    struct text text = {.out = out, .len = out_len};

    add_place(&text, url);
    add(&text, "/");
    add_encoded(&text, url->image);
    if (url->kind == BH_URL_UNIX) {
        add(&text, "?socket=");
        add_encoded(&text, url->host);
    }
    if (url->sector_len != 0)
        add_number(&text, url->kind == BH_URL_UNIX ? "&sector=" : "?sector=",
                   url->sector_len);
    if (out_len > 0)
        out[text.used < out_len ? text.used : out_len - 1] = 0;
    return text.used;
}
