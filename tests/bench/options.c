/* SPDX-License-Identifier: MIT */
#include "options.h"

#include "load.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const forms[] = {"default", "strict", "bare", "nbd"};

enum {
    OPT_FORM,
    OPT_NAME,
    OPT_SECTOR,
    OPT_SIZE,
    OPT_WINDOW,
    OPT_LANES,
    OPT_SESSIONS,
    OPT_RUN,
    OPT_WRITES,
    OPT_TIMEOUT,
    OPT_SECONDS,
    OPT_WARM_UP,
    OPT_HOSTS,
    OPT_GSO,
    OPT_STRUCTURED,
    OPT_SEQUENTIAL,
    OPT_UNCHECKED,
    OPT_VERIFY,
    OPT_ONCE,
    OPT_HOLD
};

static const struct option table[] = {
    {"form", required_argument, NULL, OPT_FORM},
    {"name", required_argument, NULL, OPT_NAME},
    {"sector", required_argument, NULL, OPT_SECTOR},
    {"size", required_argument, NULL, OPT_SIZE},
    {"window", required_argument, NULL, OPT_WINDOW},
    {"lanes", required_argument, NULL, OPT_LANES},
    {"sessions", required_argument, NULL, OPT_SESSIONS},
    {"run", required_argument, NULL, OPT_RUN},
    {"writes", required_argument, NULL, OPT_WRITES},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"warm-up", required_argument, NULL, OPT_WARM_UP},
    {"hosts", no_argument, NULL, OPT_HOSTS},
    {"gso", no_argument, NULL, OPT_GSO},
    {"structured", no_argument, NULL, OPT_STRUCTURED},
    {"sequential", no_argument, NULL, OPT_SEQUENTIAL},
    {"unchecked", no_argument, NULL, OPT_UNCHECKED},
    {"verify", no_argument, NULL, OPT_VERIFY},
    {"once", no_argument, NULL, OPT_ONCE},
    {"hold", no_argument, NULL, OPT_HOLD},
    {NULL, 0, NULL, 0},
};

static unsigned number(const char *text, unsigned least, unsigned most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text == 0 || *end != 0 || value < least || value > most)
        load_fail("'%s' is not a number from %u to %u", text, least, most);
    return (unsigned)value;
}

static enum form form_of(const char *text)
{
    for (unsigned i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (strcmp(text, forms[i]) == 0)
            return (enum form)i;
    load_fail("no form '%s'; there are default, strict, bare and nbd", text);
}

static uint8_t exponent_of(unsigned sector_len)
{
    for (uint8_t exponent = 0; exponent < 8; exponent++)
        if (128u << exponent == sector_len)
            return exponent;
    load_fail("no sector has %u bytes", sector_len);
}

/* "unix:PATH" or "ADDRESS:PORT". */
static void set_target(struct options *options, const char *text)
{
    struct sockaddr_un *un = (void *)&options->target;
    struct sockaddr_in *in = (void *)&options->target;
    const char *colon = strrchr(text, ':');
    char address[INET_ADDRSTRLEN];

    if (strncmp(text, "unix:", 5) == 0) {
        un->sun_family = AF_UNIX;
        snprintf(un->sun_path, sizeof un->sun_path, "%s", text + 5);
        options->target_len = sizeof *un;
        return;
    }
    if (colon == NULL || (size_t)(colon - text) >= sizeof address)
        load_fail("'%s' is not unix:PATH or ADDRESS:PORT", text);
    memcpy(address, text, (size_t)(colon - text));
    address[colon - text] = 0;
    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)number(colon + 1, 1, 65535));
    options->target_len = sizeof *in;
    if (inet_pton(AF_INET, address, &in->sin_addr) != 1)
        load_fail("'%s' is not an IPv4 address", address);
}

static void set_value(struct options *options, int option, const char *text)
{
    switch (option) {
    case OPT_FORM:
        options->form = form_of(text);
        break;
    case OPT_NAME:
        options->name = text;
        break;
    case OPT_SECTOR:
        options->sector_len = number(text, 128, 16384);
        options->exponent = exponent_of((unsigned)options->sector_len);
        break;
    case OPT_SIZE:
        options->size = strtoull(text, NULL, 10);
        break;
    case OPT_WINDOW:
        options->window = number(text, 1, 64);
        break;
    case OPT_LANES:
        options->lanes = number(text, 1, 250);
        break;
    case OPT_SESSIONS:
        options->sessions = number(text, 1, 32768);
        break;
    case OPT_RUN:
        options->run = number(text, 1, 64);
        break;
    case OPT_WRITES:
        options->writes = number(text, 0, 100);
        break;
    case OPT_TIMEOUT:
        options->timeout_ms = number(text, 1, 60000);
        break;
    case OPT_SECONDS:
        options->seconds = strtod(text, NULL);
        break;
    case OPT_WARM_UP:
        options->warm_up_s = strtod(text, NULL);
        break;
    default:
        exit(64);
    }
}

static void set_flag(struct options *options, int option, const char *text)
{
    switch (option) {
    case OPT_HOSTS:
        options->hosts = true;
        break;
    case OPT_GSO:
        options->gso = true;
        break;
    case OPT_STRUCTURED:
        options->structured = true;
        break;
    case OPT_SEQUENTIAL:
        options->sequential = true;
        break;
    case OPT_UNCHECKED:
        options->unchecked = true;
        break;
    case OPT_VERIFY:
        options->verify = true;
        break;
    case OPT_ONCE:
        options->once = true;
        break;
    case OPT_HOLD:
        options->hold = true;
        break;
    default:
        set_value(options, option, text);
    }
}

static void check(struct options *options)
{
    if (options->sessions < options->lanes)
        options->sessions = options->lanes;
    if (options->sessions % options->lanes != 0)
        load_fail("each lane gets as many sessions as the others");
    if (options->sessions != options->lanes && options->form != FORM_STRICT)
        load_fail("only a strict session shares its socket with others");
    if (options->form == FORM_DEFAULT && options->window != 1)
        load_fail("a default session has one request under way");
    if (options->run > options->window ||
        (options->run > 0 && options->form == FORM_NBD))
        load_fail("a READ_RUN is Blockhead's, and no longer than the window");
    if (options->once && options->writes % 100 != 0)
        load_fail("--once either reads or writes");
    if (options->form == FORM_NBD || options->target.ss_family == AF_INET)
        return;
    load_fail("Blockhead has no Unix sockets");
}

void options_read(struct options *options, int argc, char **argv)
{
    int option;

    *options = (struct options){.form = FORM_STRICT,
                                .name = "",
                                .sector_len = 512,
                                .exponent = 2,
                                .size = 1 << 20,
                                .window = 1,
                                .lanes = 1,
                                .sessions = 1,
                                .timeout_ms = 100,
                                .seconds = 1,
                                .warm_up_s = 0.2};
    while ((option = getopt_long(argc, argv, "", table, NULL)) >= 0)
        set_flag(options, option, optarg);
    if (optind != argc - 1)
        load_fail("usage: load [OPTION...] ADDRESS:PORT|unix:PATH");
    set_target(options, argv[optind]);
    check(options);
}
