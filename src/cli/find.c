/* SPDX-License-Identifier: MIT */
/* blockhead find: who answers a broadcast? */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/size.h"
#include "cli/target.h"
#include "cli/text.h"
#include "client/blockhead.h"

#define WAIT_MS 1500u
#define INFO_WAIT_MS 1500u
#define FOUND_MAX 256
#define ADDRESS_LEN 96

struct server {
    struct bh_found found;
    struct bh_info info;
    char address[ADDRESS_LEN]; /* as one may type it */
    char name[65];             /* cleaned; "-" if it would not say */
    bool known;                /* `info` is filled */
};

static struct bh_url url_of(const struct bh_found *found)
{
    struct bh_url url = {.kind = found->kind, .port = found->port};

    snprintf(url.host, sizeof(url.host), "%s", found->host);
    return url;
}

static void print_address(const struct bh_found *found, char out[ADDRESS_LEN])
{
    const struct bh_url url = url_of(found);

    if (found->kind == BH_URL_UDP)
        target_host(found->host, found->port, out, ADDRESS_LEN);
    else
        bh_url_print(&url, out, ADDRESS_LEN);
}

static void ask(const struct bh_found *found, struct server *out)
{
    const struct bh_url url = url_of(found);

    *out = (struct server){.found = *found};
    print_address(found, out->address);
    out->known = bh_server_info(&url, INFO_WAIT_MS, &out->info, NULL, 0) == 0;
    text_clean(out->name, out->info.name, sizeof(out->info.name) - 1);
    if (out->name[0] == '\0')
        strcpy(out->name, "-");
}

static int print_json(const struct bh_found *found, int count)
{
    struct json *array = json_array_begin();

    for (int i = 0; i < count; i++) {
        struct json *object = json_object_begin();
        struct server server;
        char instance[24];

        ask(&found[i], &server);
        json_put_text(object, "address", server.address);
        json_put_text(object, "host", server.found.host);
        if (server.found.kind == BH_URL_UDP)
            json_put_number(object, "port", server.found.port);
        json_put_real(object, "round_trip_ms", server.found.rtt_us / 1000.0);
        if (server.known) {
            snprintf(instance, sizeof(instance), "%016" PRIx64,
                     server.info.instance);
            json_put_text(object, "name", server.name);
            json_put_text(object, "instance", instance);
        }
        json_append(array, object);
    }
    return json_print(array) ? EXIT_FINE : EXIT_TROUBLE;
}

static size_t address_columns(const struct bh_found *found, int count)
{
    char address[ADDRESS_LEN];
    size_t widest = strlen("ADDRESS");

    for (int i = 0; i < count; i++) {
        print_address(&found[i], address);
        if (strlen(address) > widest)
            widest = strlen(address);
    }
    return widest;
}

/* The instance tells one server under several addresses from several. */
static void print_table(const struct bh_found *found, int count)
{
    const int columns = (int)address_columns(found, count);

    printf("%-*s  %10s  %-16s  NAME\n", columns, "ADDRESS", "ROUND TRIP",
           "INSTANCE");
    for (int i = 0; i < count; i++) {
        struct server server;
        char trip[SIZE_TEXT_LEN];

        ask(&found[i], &server);
        printf("%-*s  %10s  ", columns, server.address,
               trip_format(trip, server.found.rtt_us));
        if (server.known)
            printf("%016" PRIx64, server.info.instance);
        else
            printf("%-16s", "-");
        printf("  %s\n", server.name);
        fflush(stdout); /* the next one may take a while to answer */
    }
}

int run_find(const struct options *options, char *const operands[], int count)
{
    const uint32_t wait_ms =
        options->timeout_ms != 0 ? options->timeout_ms : WAIT_MS;
    const uint16_t port = options->port != 0 ? options->port : BH_DEFAULT_PORT;
    static struct bh_found found[FOUND_MAX];
    int found_count = bh_find(port, wait_ms, found, FOUND_MAX);

    (void)operands;
    (void)count;
    if (found_count < 0) {
        complain("cannot look for servers: %s", strerror(-found_count));
        return EXIT_TROUBLE;
    }
    if (options->json) {
        if (print_json(found, found_count) != EXIT_FINE)
            return EXIT_TROUBLE;
    } else if (found_count > 0) {
        print_table(found, found_count);
    }
    if (found_count > 0)
        return EXIT_FINE;
    complain("no server answered on UDP port %u within %g s; check that "
             "blockheadd runs and is in this network (a broadcast does not "
             "pass a router), and that no firewall drops the port; "
             "`blockhead ping ADDRESS` asks one server",
             (unsigned)port, wait_ms / 1000.0);
    return EXIT_NEGATIVE;
}
