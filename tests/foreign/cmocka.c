/* SPDX-License-Identifier: MIT */
/* Counts as cmocka's TAP output does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmocka.h"

static jmp_buf skipped;

void print_message(const char *format, ...)
{
    va_list words;

    va_start(words, format);
    vprintf(format, words);
    va_end(words);
}

void foreign_fail(const char *file, int line, const char *format, ...)
{
    va_list words;

    printf("not ok - %s:%d: ", file, line);
    va_start(words, format);
    vprintf(format, words);
    va_end(words);
    printf("\n");
    exit(1);
}

void skip(void)
{
    longjmp(skipped, 1);
}

static void run(const struct CMUnitTest *test, void **state)
{
    if (test->initial != NULL)
        *state = test->initial;
    if (test->setup != NULL && test->setup(state) != 0)
        foreign_fail(test->name, 0, "cannot be set up");
    if (setjmp(skipped) == 0)
        test->test(state);
    if (test->teardown != NULL && test->teardown(state) != 0)
        foreign_fail(test->name, 0, "cannot be torn down");
    printf("ok - %s\n", test->name);
}

int foreign_run(const struct CMUnitTest *tests, size_t count,
                int (*setup)(void **), int (*teardown)(void **))
{
    void *state = NULL;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (setup != NULL && setup(&state) != 0)
        foreign_fail("group", 0, "cannot be set up");
    for (size_t i = 0; i < count; i++) {
        void *own = state;
        run(&tests[i], &own);
    }
    if (teardown != NULL && teardown(&state) != 0)
        foreign_fail("group", 0, "cannot be torn down");
    return 0;
}
