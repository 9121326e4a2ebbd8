/* SPDX-License-Identifier: MIT */
/* blockheadd: the command line of the server. */
#include "daemon/banner.h"
#include "daemon/config.h"
#include "daemon/driver.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static const char usage[] =
    "usage: blockheadd [-c FILE] [-l PLACE]... [-x DEFAULT-IMAGE]\n"
    "                  [-s DIR] [-C PATH] [-r] [DIR-or-IMAGE]...\n"
    "\n"
    "Serves disk images to machines that can barely do networking.\n"
    "\n"
    "  -c, --config FILE       read FILE; its keys are in blockheadd.conf(5)\n"
    "  -l, --listen PLACE      listen on udp:ADDRESS:PORT, unix:PATH,\n"
    "                          serial:DEVICE:BAUD, tcp:ADDRESS:PORT or\n"
    "                          ether:INTERFACE; may be repeated (default\n"
    "                          udp:*:4444, all addresses)\n"
    "  -x, --default IMAGE     what a client gets that names no image\n"
    "  -s, --state DIR         keep sessions there, so that clients do not "
    "notice\n"
    "                          a restart; none: do not keep them (default: a\n"
    "                          directory of the user, see blockheadd(8))\n"
    "  -C, --control PATH      listen there for blockhead-ctl; none: do not\n"
    "                          (default: see blockheadd(8))\n"
    "  -r, --read-only         nobody may write\n"
    "  -h, --help              this text\n"
    "  -V, --version           the version\n"
    "\n"
    "A directory serves every file beneath it under its path there; an image\n"
    "is served under its own name. Example:\n"
    "\n"
    "  blockheadd ~/disks\n";

struct arguments {
    int count;
    char **of;
};

static int take_option(struct bh_config *config, int option,
                       char problem[BH_PROBLEM_LEN])
{
    switch (option) {
    case 'c':
        return bh_config_read(config, optarg, problem);
    case 'l':
        return bh_config_listen(config, optarg, problem);
    case 'x':
        free(config->default_image);
        config->default_image = strdup(optarg);
        return config->default_image == NULL ? -1 : 0;
    case 's':
        free(config->state);
        config->state = strdup(optarg);
        return config->state == NULL ? -1 : 0;
    case 'C':
        free(config->control);
        config->control = strdup(optarg);
        return config->control == NULL ? -1 : 0;
    case 'r':
        config->read_only = true;
        return 0;
    case 'h':
        fputs(usage, stdout);
        exit(EX_OK);
    case 'V':
        printf("blockheadd %s\n", BH_VERSION);
        exit(EX_OK);
    default:
        exit(EX_USAGE); /* getopt has said why */
    }
}

static void free_config(struct bh_config *config)
{
    bh_config_free(config);
    free(config);
}

/* Goes through the options: those of the file when `file` is set, else the
 * others, so that the command line wins wherever the file stands on it. */
static int take_options(struct bh_config *config, const struct arguments *all,
                        bool file, char problem[BH_PROBLEM_LEN])
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"listen", required_argument, NULL, 'l'},
        {"default", required_argument, NULL, 'x'},
        {"state", required_argument, NULL, 's'},
        {"control", required_argument, NULL, 'C'},
        {"read-only", no_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0}};
    int option, error = 0;

    optind = 0;     /* from the start: SIGHUP comes here too */
    opterr = !file; /* one complaint is enough */
    while (error == 0 &&
           (option = getopt_long(all->count, all->of, "c:l:x:s:C:rhV", options,
                                 NULL)) != -1)
        if ((option == 'c') == file)
            error = take_option(config, option, problem);
    return error;
}

/* A configuration from the command line and the file that it names. */
static struct bh_config *read_config(void *context,
                                     char problem[BH_PROBLEM_LEN])
{
    const struct arguments *arguments = context;
    struct bh_config *config = malloc(sizeof *config);
    int error;

    if (config == NULL) {
        snprintf(problem, BH_PROBLEM_LEN, "out of memory");
        return NULL;
    }
    bh_config_init(config);
    error = take_options(config, arguments, true, problem);
    if (error == 0)
        error = take_options(config, arguments, false, problem);
    for (int i = optind; error == 0 && i < arguments->count; i++)
        error = bh_config_serve(config, arguments->of[i], problem);
    if (error == 0) {
        bh_config_settle(config);
        return config;
    }
    free_config(config);
    return NULL;
}

static int fail(int code, const char *problem)
{
    fprintf(stderr, "blockheadd: %s\n", problem);
    return code;
}

/* Serves what `config`, which it takes over, says. */
static int serve(struct bh_config *config, struct arguments *arguments)
{
    char problem[BH_PROBLEM_LEN];
    struct bh_driver *driver =
        bh_driver_new(config, read_config, arguments, problem);
    bool stable;

    if (driver == NULL) {
        free_config(config);
        return fail(EX_UNAVAILABLE, problem);
    }
    bh_banner_print(driver);
    stable = bh_driver_run(driver);
    bh_driver_free(driver);
    return stable ? EX_OK : EX_IOERR;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {argc, argv};
    char problem[BH_PROBLEM_LEN];
    struct bh_config *config = read_config(&arguments, problem);

    if (config == NULL)
        return fail(EX_CONFIG, problem);
    if (config->contents.volume_count + config->contents.directory_count == 0) {
        free_config(config);
        return fail(EX_USAGE, "nothing to serve: name a directory of images, "
                              "an image, or a configuration with -c; "
                              "blockheadd --help says more");
    }
    return serve(config, &arguments);
}
