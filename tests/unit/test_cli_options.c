/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/front_options.h"
#include "cli/options.h"

static const struct command command = {.name = "get", .options = "cdjnqRsStW"};

static struct program program_of(struct options *out)
{
    *out = (struct options){0};
    return (struct program){.name = "blockhead",
                            .rows = option_rows,
                            .row_count = option_count,
                            .options = out,
                            .apply = options_apply};
}

static int count_of(char **argv)
{
    int argc = 0;

    while (argv[argc] != NULL)
        argc++;
    return argc;
}

static int parse(struct options *out, char **argv)
{
    const struct program program = program_of(out);

    return front_parse(&program, &command, count_of(argv), argv);
}

static int find(char **argv)
{
    struct options options;
    const struct program program = program_of(&options);

    return front_find_command(&program, count_of(argv), argv);
}

#define FIND(...) find((char *[]){"blockhead", __VA_ARGS__, NULL})
#define PARSE(out, ...) parse(out, (char *[]){"get", __VA_ARGS__, NULL})

static void options_may_stand_anywhere(void **state)
{
    struct options options;

    (void)state;
    assert_int_equal(PARSE(&options, "url", "-q", "file", "-s", "256"), 4);
    assert_true(options.quiet);
    assert_int_equal(options.sector_len, 256);
    assert_false(options.json);
}

static void options_have_long_names(void **state)
{
    struct options options;

    (void)state;
    assert_int_equal(
        PARSE(&options, "--json", "--sector=128", "--timeout", "0.5"), 5);
    assert_true(options.json);
    assert_int_equal(options.sector_len, 128);
    assert_int_equal(options.timeout_ms, 500);
}

static void a_dash_and_what_follows_two_are_operands(void **state)
{
    struct options options;

    (void)state;
    assert_int_equal(PARSE(&options, "-"), 1);
    assert_int_equal(PARSE(&options, "--", "-q"), 2);
    assert_false(options.quiet);
}

static void a_command_takes_only_its_own_options(void **state)
{
    struct options options;

    (void)state;
    assert_int_equal(PARSE(&options, "-x"), -1);
    assert_int_equal(PARSE(&options, "--look"), -1);
    assert_int_equal(PARSE(&options, "--nonsense"), -1);
    assert_int_equal(PARSE(&options, "-h"), FRONT_HELP);
    assert_int_equal(PARSE(&options, "--version"), FRONT_BAD);
}

static void values_are_strict(void **state)
{
    struct options options;

    (void)state;
    assert_int_equal(PARSE(&options, "-s"), -1);
    assert_int_equal(PARSE(&options, "-s", "300"), -1);
    assert_int_equal(PARSE(&options, "-s", "64"), -1);
    assert_int_equal(PARSE(&options, "-s", "32768"), -1);
    assert_int_equal(PARSE(&options, "-t", "0"), -1);
    assert_int_equal(PARSE(&options, "-t", "soon"), -1);
    assert_int_equal(PARSE(&options, "-c", "4294967296"), -1);
    assert_int_equal(PARSE(&options, "-W", "0"), -1);
    assert_int_equal(PARSE(&options, "--window", "65"), -1);
    assert_int_equal(PARSE(&options, "--run=65"), -1);
    assert_int_equal(PARSE(&options, "--seconds=never"), -1);
    assert_int_equal(PARSE(&options, "--json=yes"), -1);
}

static void no_limit_is_the_largest_count(void **state)
{
    struct options options;

    (void)state;
    assert_int_equal(PARSE(&options, "-c", "0"), 3);
    assert_int_equal(options.count, UINT32_MAX);
}

static void the_last_of_two_opposites_wins(void **state)
{
    struct options options;

    (void)state;
    assert_int_equal(PARSE(&options, "--sequential"), 2);
    assert_true(options.sequential);
    assert_int_equal(PARSE(&options, "-S", "-R"), 3);
    assert_false(options.sequential);
}

static void the_command_stands_behind_options(void **state)
{
    (void)state;
    assert_int_equal(FIND("get"), 1);
    assert_int_equal(FIND("get", "-q"), 1);
    assert_int_equal(FIND("-q", "get", "-s", "256"), 2);
    assert_int_equal(FIND("-s", "256", "--json", "get"), 4);
    assert_int_equal(FIND("--sector=256", "-qt", "3", "get", "--help"), 4);
    assert_int_equal(FIND("--", "get"), 2);
}

static void there_may_be_no_command(void **state)
{
    (void)state;
    assert_int_equal(find((char *[]){"blockhead", NULL}), 1);
    assert_int_equal(FIND("-q"), 2);
    assert_int_equal(FIND("-s", "get"), 3);
    assert_int_equal(FIND("-s"), FRONT_BAD);
    assert_int_equal(FIND("--nonsense", "get"), FRONT_BAD);
    assert_int_equal(FIND("--json=yes", "get"), FRONT_BAD);
    assert_int_equal(FIND("-q", "--help", "get"), FRONT_HELP);
    assert_int_equal(FIND("--version"), FRONT_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_may_stand_anywhere),
        cmocka_unit_test(options_have_long_names),
        cmocka_unit_test(a_dash_and_what_follows_two_are_operands),
        cmocka_unit_test(a_command_takes_only_its_own_options),
        cmocka_unit_test(values_are_strict),
        cmocka_unit_test(no_limit_is_the_largest_count),
        cmocka_unit_test(the_last_of_two_opposites_wins),
        cmocka_unit_test(the_command_stands_behind_options),
        cmocka_unit_test(there_may_be_no_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
