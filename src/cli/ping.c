/* SPDX-License-Identifier: MIT */
/* blockhead ping: one KEEP a second to a server and back. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/size.h"
#include "cli/target.h"
#include "client/blockhead.h"

#define COUNT_DEFAULT 4u
#define TIMEOUT_MS 1000u
#define INTERVAL_MS 1000 /* a server answers one KEEP a second for long */

struct ping {
    const struct options *options;
    struct target target;
    struct interrupt interrupt;
    struct json *trips; /* of --json */
    uint32_t sent;
    uint32_t answered;
    uint32_t min_us;
    uint32_t max_us;
    uint64_t sum_us;
};

static void answered(struct ping *ping, uint32_t rtt_us)
{
    char trip[SIZE_TEXT_LEN];

    if (ping->answered++ == 0 || rtt_us < ping->min_us)
        ping->min_us = rtt_us;
    if (rtt_us > ping->max_us)
        ping->max_us = rtt_us;
    ping->sum_us += rtt_us;
    trip_format(trip, rtt_us);
    if (ping->options->json) {
        struct json *object = json_object_begin();

        json_put_number(object, "number", ping->sent);
        json_put_real(object, "ms", rtt_us / 1000.0);
        json_append(ping->trips, object);
    } else if (!ping->options->quiet) {
        printf("answer %u from %s: %s\n", (unsigned)ping->sent,
               ping->target.url.host, trip);
    }
}

/* 0, or the errno of a failure that another try would not mend. */
static int ask(struct ping *ping)
{
    const uint32_t timeout_ms =
        ping->options->timeout_ms != 0 ? ping->options->timeout_ms : TIMEOUT_MS;
    uint32_t rtt_us;
    char why[256] = "";
    int result;

    ping->sent++;
    result = bh_server_ping(&ping->target.url, timeout_ms, &rtt_us, why,
                            sizeof(why));
    if (result == 0)
        answered(ping, rtt_us);
    else if (result != -ETIMEDOUT && result != -ECONNREFUSED)
        complain("%s", why);
    else if (!ping->options->quiet && !ping->options->json)
        printf("no answer %u within %g s%s\n", (unsigned)ping->sent,
               timeout_ms / 1000.0,
               result == -ECONNREFUSED ? ": nobody listens there" : "");
    fflush(stdout);
    return result == -ETIMEDOUT || result == -ECONNREFUSED ? 0 : result;
}

/* A name server may take its time over the first one: until that is over, a
 * signal ends the program at once. */
static int ask_all(struct ping *ping)
{
    const uint32_t count =
        ping->options->count != 0 ? ping->options->count : COUNT_DEFAULT;
    int result = ask(ping);

    if (result == 0)
        result = interrupt_catch(&ping->interrupt);
    while (result == 0 && (ping->sent < count || count == UINT32_MAX)) {
        if (interrupt_poll(&ping->interrupt, -1, 0, INTERVAL_MS) != 0)
            break;
        result = ask(ping);
    }
    return result;
}

static void print_summary(const struct ping *ping)
{
    char min[SIZE_TEXT_LEN], mean[SIZE_TEXT_LEN], max[SIZE_TEXT_LEN];

    printf("%s: %u sent, %u answered", ping->target.text, (unsigned)ping->sent,
           (unsigned)ping->answered);
    if (ping->answered > 0)
        printf("; shortest %s, mean %s, longest %s",
               trip_format(min, ping->min_us),
               trip_format(mean, (uint32_t)(ping->sum_us / ping->answered)),
               trip_format(max, ping->max_us));
    putchar('\n');
}

static bool print_json(struct ping *ping)
{
    struct json *object = json_object_begin();

    json_put_text(object, "host", ping->target.url.host);
    json_put_number(object, "port", ping->target.url.port);
    json_put_number(object, "sent", ping->sent);
    json_put_number(object, "answered", ping->answered);
    if (ping->answered > 0) {
        json_put_real(object, "min_ms", ping->min_us / 1000.0);
        json_put_real(object, "mean_ms",
                      (double)ping->sum_us / ping->answered / 1000.0);
        json_put_real(object, "max_ms", ping->max_us / 1000.0);
    }
    json_put(object, "round_trips", ping->trips);
    ping->trips = NULL;
    return json_print(object);
}

int run_ping(const struct options *options, char *const operands[], int count)
{
    struct ping ping = {.options = options, .interrupt = INTERRUPT_NONE};

    (void)count;
    if (!target_parse_server(operands[0], &ping.target))
        return EXIT_USAGE;
    if (options->json)
        ping.trips = json_array_begin();
    if (ask_all(&ping) != 0)
        return EXIT_TROUBLE;
    if (!options->json)
        print_summary(&ping);
    else if (!print_json(&ping))
        return EXIT_TROUBLE;
    return ping.answered > 0 ? EXIT_FINE : EXIT_NEGATIVE;
}
