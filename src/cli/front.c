/* SPDX-License-Identifier: MIT */
#include "cli/front.h"

#include <errno.h>
#include <string.h>

#include "cli/exit_code.h"
#include "cli/message.h"

static int close_stdout(int code)
{
    const int failed = ferror(stdout);

    errno = 0;
    if (fclose(stdout) == 0 && !failed)
        return code;
    if (errno != EPIPE)
        complain("cannot write standard output: %s",
                 errno != 0 ? strerror(errno) : "it is not complete");
    return EXIT_TROUBLE;
}

static int obey(int argc, char **argv, void (*usage)(FILE *out),
                int (*run)(int argc, char **argv))
{
    int code;

    if (argc < 2) {
        usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        usage(stdout);
        return EXIT_FINE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("%s %s\n", program_invocation_short_name, BH_VERSION);
        return EXIT_FINE;
    }
    code = run(argc - 1, argv + 1);
    if (code != FRONT_UNKNOWN)
        return code;
    complain("\"%s\" is no command; `%s --help` lists them", argv[1],
             program_invocation_short_name);
    return EXIT_USAGE;
}

int front_run(int argc, char **argv, void (*usage)(FILE *out),
              int (*run)(int argc, char **argv))
{
    return close_stdout(obey(argc, argv, usage, run));
}
