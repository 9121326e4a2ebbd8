/* SPDX-License-Identifier: MIT */
/* sim: the server's core and its clients in a world that goes wrong. */
#include "world.h"

#include "commit.h" /* made by the build */

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "Usage: sim [options]\n"
    "Runs the core of blockheadd, its disks, its clients and the network\n"
    "between them in simulated time, with faults of every kind, and checks\n"
    "what docs/protocol.md promises. The same seed gives the same run.\n"
    "\n"
    "  --ops N        operations under faults (default 1000000)\n"
    "  --seed S       the seed (default 1)\n"
    "  --phase-ops N  operations from one calm to the next (default 20000)\n"
    "  --trace        on a failure, print what went before it\n"
    "  --help         this text\n"
    "\n"
    "Ends with 0 if all went well, and with 1 and a sentence if not. The\n"
    "report is on standard output, the speed on standard error.\n";

struct choice {
    uint64_t operations, seed, phase;
    bool trace;
};

static struct world *running; /* for the handler alone */

/* An assertion of the core has failed, or worse. */
static void crashed(int number)
{
    signal(number, SIG_DFL);
    world_fail(running, "the program was stopped by signal %d", number);
}

static uint64_t number(const char *text)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);

    if (*text == '\0' || *end != '\0') {
        fprintf(stderr, "sim: \"%s\" is not a number.\n", text);
        exit(2);
    }
    return value;
}

static struct choice parse(int argc, char **argv)
{
    static const struct option options[] = {
        {"ops", required_argument, NULL, 'o'},
        {"seed", required_argument, NULL, 's'},
        {"phase-ops", required_argument, NULL, 'p'},
        {"trace", no_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0}};
    struct choice choice = {1000000, 1, 20000, false};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'o':
            choice.operations = number(optarg);
            break;
        case 's':
            choice.seed = number(optarg);
            break;
        case 'p':
            choice.phase = number(optarg);
            break;
        case 't':
            choice.trace = true;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            fputs(usage, stderr);
            exit(2);
        }
    }
    return choice;
}

static void report(const struct world *world)
{
    const struct stats *stats = &world->stats;

    printf("seed %llu, commit %s\n", (unsigned long long)world->seed,
           world->commit);
    printf("%14.1f  simulated hours\n",
           (double)(world->now_ms - 1000000) / 3600000.0);
#define LINE(name, words)                                                      \
    printf("%14llu  %s\n", (unsigned long long)stats->name, words);
    STATS(LINE)
#undef LINE
    printf("nothing was violated\n");
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    struct choice choice = parse(argc, argv);
    double began = seconds(), took;

    running = world_new(choice.seed, SIM_COMMIT, choice.trace);
    signal(SIGABRT, crashed);
    signal(SIGSEGV, crashed);
    world_run(running, choice.operations, choice.phase);
    took = seconds() - began;
    report(running);
    fprintf(stderr, "%.1f s, %.0f operations a second\n", took,
            (double)running->stats.operations / took);
    world_free(running);
    return 0;
}
