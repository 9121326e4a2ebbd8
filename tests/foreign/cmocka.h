/* SPDX-License-Identifier: MIT */
/*
 * As much of cmocka's interface as tests/unit uses, for processors for which
 * there is no cmocka. The first assertion that does not hold ends the program.
 */
#ifndef CMOCKA_H
#define CMOCKA_H

#include <stddef.h>
#include <stdint.h>

struct CMUnitTest {
    const char *name;
    void (*test)(void **state);
    int (*setup)(void **state);
    int (*teardown)(void **state);
    void *initial;
};

#define cmocka_unit_test(test)                                                 \
    {                                                                          \
#test, test, NULL, NULL, NULL                                          \
    }
#define cmocka_unit_test_setup(test, setup)                                    \
    {                                                                          \
#test, test, setup, NULL, NULL                                         \
    }
#define cmocka_unit_test_setup_teardown(test, setup, teardown)                 \
    {                                                                          \
#test, test, setup, teardown, NULL                                     \
    }
#define cmocka_unit_test_prestate_setup_teardown(test, setup, teardown, state) \
    {                                                                          \
#test, test, setup, teardown, state                                    \
    }
#define cmocka_run_group_tests(tests, setup, teardown)                         \
    foreign_run(tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)

int foreign_run(const struct CMUnitTest *tests, size_t count,
                int (*setup)(void **), int (*teardown)(void **));
_Noreturn void foreign_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void print_message(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
_Noreturn void skip(void);

/* Numbers and pointers alike, as cmocka takes them. */
#define FOREIGN_NUMBER(value) ((unsigned long long)(value))
#define FOREIGN_CHECK(condition, what)                                         \
    do {                                                                       \
        if (!(condition))                                                      \
            foreign_fail(__FILE__, __LINE__, "%s", what);                      \
    } while (0)
#define FOREIGN_COMPARE(a, operator, b)                                        \
    do {                                                                       \
        unsigned long long foreign_a = FOREIGN_NUMBER(a);                      \
        unsigned long long foreign_b = FOREIGN_NUMBER(b);                      \
        if (!(foreign_a operator foreign_b))                                   \
            foreign_fail(__FILE__, __LINE__, "%s: %#llx, %s: %#llx", #a,       \
                         foreign_a, #b, foreign_b);                            \
    } while (0)

#define assert_true(condition) FOREIGN_CHECK(condition, #condition)
#define assert_false(condition) FOREIGN_CHECK(!(condition), "not " #condition)
#define assert_null(pointer) FOREIGN_CHECK((pointer) == NULL, #pointer)
#define assert_non_null(pointer) FOREIGN_CHECK((pointer) != NULL, #pointer)
#define assert_ptr_equal(a, b)                                                 \
    FOREIGN_CHECK((const void *)(a) == (const void *)(b), #a " is not " #b)
#define assert_ptr_not_equal(a, b)                                             \
    FOREIGN_CHECK((const void *)(a) != (const void *)(b), #a " is " #b)
#define assert_int_equal(a, b) FOREIGN_COMPARE(a, ==, b)
#define assert_int_not_equal(a, b) FOREIGN_COMPARE(a, !=, b)
#define assert_in_range(value, least, most)                                    \
    do {                                                                       \
        FOREIGN_COMPARE(value, >=, least);                                     \
        FOREIGN_COMPARE(value, <=, most);                                      \
    } while (0)
#define assert_string_equal(a, b)                                              \
    do {                                                                       \
        const char *foreign_a = (a), *foreign_b = (b);                         \
        if (__builtin_strcmp(foreign_a, foreign_b) != 0)                       \
            foreign_fail(__FILE__, __LINE__, "'%s' is not '%s'", foreign_a,    \
                         foreign_b);                                           \
    } while (0)
#define assert_string_not_equal(a, b)                                          \
    FOREIGN_CHECK(__builtin_strcmp(a, b) != 0, #a " is " #b)
#define assert_memory_equal(a, b, len)                                         \
    FOREIGN_CHECK(__builtin_memcmp(a, b, len) == 0, #a " is not " #b)
#define assert_memory_not_equal(a, b, len)                                     \
    FOREIGN_CHECK(__builtin_memcmp(a, b, len) != 0, #a " is " #b)
#define fail() foreign_fail(__FILE__, __LINE__, "failed")
#define fail_msg(...) foreign_fail(__FILE__, __LINE__, __VA_ARGS__)

#endif
